"""Where a setting comes from: a key goes only to an address that whoever gave the key has named as well."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final
from urllib.parse import urlsplit

PAIRS: Final = (
    ("GEMINI_BASE_URL", "GEMINI_API_KEY"),
    ("SUPABASE_URL", "SUPABASE_KEY"),
    ("DATABASE_URL", "PGPASSWORD"),
)
"""Address, and the key that is sent there. libpq takes PGPASSWORD for an address without a password."""
ENV_FILE: Final = "GRIDWISE_ENV_FILE"
_PREFIX: Final = "GRIDWISE_"
_LIKENESS: Final = 0.85


def strangers(environment: Mapping[str, str], dotenv: Mapping[str, str | None]) -> list[str]:
    """One sentence for each key of the environment that a `.env` found by chance would send to an address of its own.

    Whoever unpacks an archive or enters a colleague's folder has not read its `.env`.
    """
    here, there = _upper(environment), _upper(dotenv)
    return [
        f"{address} comes from .env in this folder and {key} from the environment: the key would be sent to an address "
        f"that this folder names. Set both in the same place, or say that you trust the file: {ENV_FILE}=.env"
        for address, key in PAIRS
        if there.get(address) and not here.get(address) and here.get(key) and _takes(there[address], key)
    ]


def misspelt(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """One sentence for each name that looks like a setting of ours and is none."""
    ours = sorted({ENV_FILE, *known})
    found: list[str] = []
    for name in sorted({name.upper() for name in names} - set(ours)):
        nearest = get_close_matches(name, ours, n=1, cutoff=0 if name.startswith(_PREFIX) else _LIKENESS)
        if name.startswith(_PREFIX) or nearest:
            found.append(f"{name} is not a setting and has no effect. The nearest name is {nearest[0]}.")
    return found


def _takes(address: str, key: str) -> bool:
    return key != "PGPASSWORD" or urlsplit(address).password is None


def _upper(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name.upper(): value for name, value in values.items() if value}
