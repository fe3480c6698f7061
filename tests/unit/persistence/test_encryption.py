"""What doctor says of the way to the database, and that no name of a server carries its password."""

import pytest

from persistence.connections.pool import encryption, server_name
from persistence.transports.supabase import server_address


@pytest.mark.parametrize(
    ("url", "is_safe", "part"),
    [
        ("postgresql://me:pw@db.example/x", False, "sslmode=prefer"),
        ("postgresql://me:pw@db.example/x?sslmode=disable", False, "nothing is encrypted"),
        ("postgresql://me:pw@db.example/x?sslmode=require", True, "certificate is not checked"),
        ("postgresql://me:pw@db.example/x?sslmode=verify-full", True, "name are checked"),
        ("postgresql://me:pw@localhost/x", True, "on this machine"),
        ("postgresql://postgres@/x?host=%2Ftmp", True, "on this machine"),
    ],
)
def test_the_way_is_described(url: str, is_safe: bool, part: str) -> None:
    found, words = encryption(url)
    assert found == is_safe
    assert part in words
    assert "pw" not in words


def test_names_of_servers_hold_no_credentials() -> None:
    assert server_name("postgresql://me:pw@db.example/x") == "db.example/x"
    assert server_address("https://me:pw@abc.example:8443/") == "abc.example:8443"
