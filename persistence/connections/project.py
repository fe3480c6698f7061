"""Address and key of a Supabase project, as people paste them."""

import base64
import json
from typing import Any, Final
from urllib.parse import urlsplit

from persistence.errors import AccessDenied

SECRET_PREFIX: Final = "sb_secret_"  # noqa: S105 (how such keys begin)
PUBLISHABLE_PREFIX: Final = "sb_publishable_"
_WHERE: Final = (
    "Give the secret key (sb_secret_…) or the legacy service_role key: Project settings, API keys. "
    "It must never reach a browser."
)


def project_address(url: str) -> str:
    """Scheme, host and port: trailing slashes and the path of the REST API, which the client adds, are dropped."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/rest/v1").rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


def check_key(key: str) -> None:
    """Whether the key can be the project's secret one, as far as its text tells.

    Raises:
        AccessDenied: it is meant for browsers, or not a key at all.
    """
    if key.startswith(SECRET_PREFIX):
        return
    if key.startswith(PUBLISHABLE_PREFIX):
        msg = f"SUPABASE_KEY is a publishable key (sb_publishable_…), which may not claim workloads. {_WHERE}"
        raise AccessDenied(msg)
    role = _claims(key).get("role")
    if role is not None and role != "service_role":
        msg = f"SUPABASE_KEY is the key of the role {role!s:.20}, which may not claim workloads. {_WHERE}"
        raise AccessDenied(msg)
    if not key.strip() or any(character.isspace() for character in key):
        msg = f"SUPABASE_KEY is not a key: it is empty or has spaces in it. {_WHERE}"
        raise AccessDenied(msg)


def _claims(key: str) -> dict[str, Any]:
    """What a JSON Web Token says, unverified; empty for anything else."""
    parts = key.split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
