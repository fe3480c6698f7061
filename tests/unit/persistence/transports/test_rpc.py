import json

import pytest
from pydantic import JsonValue

from persistence.transports.rpc import storable


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("a\0b", "a\ufffdb"),
        ("lone \ud83d", "lone \ufffd"),
        ({"k\0": [1, {"deep": "\udfff"}]}, {"k\ufffd": [1, {"deep": "\ufffd"}]}),
        ([float("nan"), float("inf"), -float("inf"), 1.5], [None, None, None, 1.5]),
    ],
)
def test_what_postgresql_refuses_is_replaced(value: JsonValue, stored: JsonValue) -> None:
    assert storable(value) == stored


@pytest.mark.parametrize("value", ["🙂", "NaN", "\\u0000 as typed", {"Infinity": ["é", 1e300, None, True]}])
def test_what_only_looks_like_it_stays(value: JsonValue) -> None:
    assert storable(value) == value
    json.dumps(value, ensure_ascii=False).encode()
