"""As root: the account under which the embedded PostgreSQL runs, as it refuses to be root, and what that may reach."""

import os
import pwd
import subprocess
from pathlib import Path
from typing import Final

from persistence.errors import EmbeddedPostgresError

USERS: Final = "users.lock"
"""The file by which a folder is known as ours."""
_ENTER: Final = 'for folder; do cd "$folder" 2>/dev/null || { printf %s "$folder"; exit 1; }; done'


def server_account() -> str | None:
    """Its name; None where we are not root, and the server runs under our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    msg = "PostgreSQL does not run as root and this machine has no account 'nobody'; set DATABASE_URL instead."
    raise EmbeddedPostgresError(msg)


def make_folder(place: Path, account: str | None) -> None:
    """The folder for data, open to the account: what we make is opened whatever the umask, what others made is not."""
    missing = [folder for folder in (place, *place.parents) if not folder.exists()]
    if account:
        check_passage(place.parents[len(missing) - 1] if missing else place.parent, account, goal=place)
    place.mkdir(parents=True, exist_ok=True)
    if account:
        for folder in missing or ([place] if _is_ours(place) else []):
            folder.chmod(folder.stat().st_mode | 0o011)
        check_passage(place, account, goal=place)


def check_passage(folder: Path, account: str, *, goal: Path) -> None:
    """Raises `EmbeddedPostgresError` that names the folder which keeps the account from the goal.

    Found by entering all on the way as that account, as groups and access lists count beside modes. The real path comes
    first, so that of a link and its target the one that is closed is named.
    """
    real = folder.resolve()
    way = [*reversed(real.parents), real, *reversed(folder.parents), folder]
    entered = subprocess.run(  # noqa: S603  the paths are arguments of a fixed script
        ["/bin/sh", "-c", _ENTER, "sh", *way],
        user=account,
        group=pwd.getpwnam(account).pw_gid,
        extra_groups=[],
        cwd="/",
        env={"PATH": os.defpath},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    if entered.returncode:
        closed = os.fsdecode(entered.stdout)
        msg = (
            f"PostgreSQL does not run as root but as the account {account!r}, which may not enter {closed} and so "
            f"cannot use {goal}. Choose a folder elsewhere (GRIDWISE_DATA_DIR), let others pass "
            f"(chmod o+x {closed}), or set DATABASE_URL."
        )
        raise EmbeddedPostgresError(msg)


def is_reachable(programs: Path) -> bool:
    """Whether any account may enter the installation and run what is in its `bin`."""
    parents = [programs, *programs.resolve().parents]
    return all(parent.stat().st_mode & 0o001 for parent in parents) and all(
        path.stat().st_mode & 0o005 == 0o005 for path in (programs / "bin").iterdir()
    )


def _is_ours(folder: Path) -> bool:
    return (folder / USERS).exists() or not any(folder.iterdir())
