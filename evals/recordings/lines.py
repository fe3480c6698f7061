"""Recordings as JSON Lines: a header, then one interaction a line, keys sorted, bodies as JSON.

What every case sends alike (instructions, tools, schemas) is kept once a set, in `shared.jsonl`, under a name with a
digest: a changed prompt is one changed line there. vcrpy reads and writes through `Lines`, its serializer hook.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import JsonValue

Interaction: TypeAlias = dict[str, Any]
SHARED = "shared.jsonl"
HOST: Final = "https://generativelanguage.googleapis.com"
_SHARED_FIELDS = (("systemInstruction",), ("tools",), ("generationConfig", "responseJsonSchema"))


def line(value: JsonValue) -> str:
    """One line, the same for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


class Shared:
    """The parts that a set's recordings have in common."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / SHARED
        self._parts: dict[str, JsonValue] = {}
        if self._path.exists():
            rows = map(json.loads, self._path.read_text(encoding="utf-8").splitlines())
            self._parts = {row["name"]: row["value"] for row in rows}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._parts)

    def put(self, field: str, value: JsonValue) -> JsonValue:
        """A reference to the part, which is kept."""
        digest = hashlib.sha256(line(value).encode()).hexdigest()[:10]
        name = f"{field}-{digest}"
        self._parts[name] = value
        return {"shared": name}

    def get(self, reference: dict[str, str]) -> JsonValue:
        return self._parts[reference["shared"]]

    def save(self, *, used: frozenset[str] | None = None) -> None:
        """All parts, or those that are used."""
        kept = {name: value for name, value in self._parts.items() if used is None or name in used}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(line({"name": name, "value": value}) for name, value in sorted(kept.items()))
        self._path.write_text(text, encoding="utf-8")


def prune(folder: Path) -> None:
    """Drop the shared parts that no recording of the set names any more."""
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.jsonl") if path.name != SHARED]
    shared = Shared(folder)
    shared.save(used=frozenset(name for name in shared.names if any(name in text for text in texts)))


class Lines:
    """vcrpy's serializer: `serialize` and `deserialize` of a whole cassette."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def serialize(self, cassette: dict[str, Any]) -> str:
        shared = Shared(self._folder)
        lines = [line({})] + [line(_to_line(one, shared)) for one in cassette["interactions"]]
        shared.save()
        return "".join(lines)

    def deserialize(self, text: str) -> dict[str, Any]:
        shared = Shared(self._folder)
        _header, *rows = map(json.loads, text.splitlines())
        return {"interactions": [_from_line(row, shared) for row in rows], "version": 1}


def _to_line(one: Interaction, shared: Shared) -> dict[str, Any]:
    request, response = one["request"], one["response"]
    body = _json(request["body"])
    for *path, last in _SHARED_FIELDS:
        holder = _walk(body, path)
        if isinstance(holder, dict) and last in holder:
            holder[last] = shared.put(last, holder[last])
    answer = _json(response["body"]["string"])
    written = {"text": answer} if isinstance(answer, str) else {"body": answer}
    return {
        "request": {"body": body, "path": request["uri"].removeprefix(HOST)},
        "response": {"headers": response["headers"], "status": response["status"]["code"], **written},
    }


def _from_line(row: dict[str, Any], shared: Shared) -> Interaction:
    request, response = row["request"], row["response"]
    body = request["body"]
    for *path, last in _SHARED_FIELDS:
        holder = _walk(body, path)
        if isinstance(holder, dict) and isinstance(holder.get(last), dict) and "shared" in holder[last]:
            holder[last] = shared.get(holder[last])
    text = response["text"] if "text" in response else json.dumps(response["body"])
    return {
        "request": {"method": "POST", "uri": HOST + request["path"], "body": json.dumps(body), "headers": {}},
        "response": {
            "body": {"string": text},
            "headers": response["headers"],
            "status": {"code": response["status"], "message": ""},
        },
    }


def _walk(value: Any, path: list[str]) -> Any:  # noqa: ANN401  any JSON
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _json(text: str | bytes) -> Any:  # noqa: ANN401  JSON, or the text itself
    plain = text.decode() if isinstance(text, bytes) else text
    try:
        value = json.loads(plain)
    except ValueError:
        return plain
    return value if isinstance(value, dict | list) else plain
