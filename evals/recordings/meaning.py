"""What a request to Gemini asks, whatever client library wrote it: recordings match by this.

Paths of other API versions, empty fields, the order of keys and the spelling of types differ from library to library
and mean nothing; model, instructions, conversation, tools, schema and sampling do.
"""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

_PATH = re.compile(r"/models/(?P<model>[^/:]+):(?P<method>\w+)")
_SHOWN = 60


def meaning(path: str, body: Mapping[str, Any]) -> dict[str, JsonValue]:
    """Of one request; raises `ValueError` for a path that names no model."""
    match = _PATH.search(path)
    if match is None:
        msg = f"{path} names no model"
        raise ValueError(msg)
    config = dict(body.get("generationConfig") or {})
    schema = config.pop("responseJsonSchema", None) or config.pop("responseSchema", None)
    if config.get("candidateCount") == 1:
        del config["candidateCount"]
    declared = [one for tool in body.get("tools") or () for one in tool.get("functionDeclarations") or ()]
    return {
        "model": match["model"],
        "method": match["method"],
        "systemInstruction": _text((body.get("systemInstruction") or {}).get("parts") or ()),
        "contents": [_content(content) for content in body.get("contents") or ()],
        "tools": {str(one["name"]): _tool(one) for one in declared},
        "schema": _schema(schema) if schema else None,
        "config": _filled(config),
    }


def _text(parts: Any) -> str:  # noqa: ANN401  a list of parts
    return "".join(part.get("text", "") for part in parts)


def _content(content: Mapping[str, Any]) -> JsonValue:
    return {"role": content.get("role") or "user", "parts": [_part(part) for part in content.get("parts") or ()]}


def _part(part: Mapping[str, Any]) -> JsonValue:
    """Ids of calls are the library's own: calls and results are matched by name and place."""
    found = _filled({key: value for key, value in part.items() if key not in ("functionCall", "functionResponse")})
    said: dict[str, JsonValue] = dict(found) if isinstance(found, dict) else {}
    for key, value in (("functionCall", "args"), ("functionResponse", "response")):
        if key in part:
            said[key] = {"name": part[key].get("name"), value: part[key].get(value) or {}}
    return said


def _tool(declared: Mapping[str, Any]) -> JsonValue:
    parameters = declared.get("parametersJsonSchema") or declared.get("parameters")
    description = " ".join(str(declared.get("description") or "").split())
    return {"description": description, "parameters": _schema(parameters) if parameters else None}


def _schema(schema: Any) -> JsonValue:  # noqa: ANN401  any JSON
    """Types in lower case; "or null" in one way; without titles and defaults, which no model reads."""
    if isinstance(schema, list):
        return [_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema  # type: ignore[no-any-return]  # a plain value
    plain = {key: value for key, value in schema.items() if key not in ("title", "default")}
    options = plain.get("anyOf")
    if isinstance(options, list) and any(option.get("type") in ("null", "NULL") for option in options):
        rest = [option for option in options if option.get("type") not in ("null", "NULL")]
        others = {key: value for key, value in plain.items() if key != "anyOf"}
        return _schema({**others, **(rest[0] if len(rest) == 1 else {"anyOf": rest}), "nullable": True})
    found: dict[str, JsonValue] = {}
    for key, value in plain.items():
        if key == "properties":
            found[key] = {name: _schema(child) for name, child in value.items()}
        elif key == "type" and isinstance(value, str):
            found[key] = value.lower()
        elif key == "required":
            found[key] = sorted(value)
        else:
            found[key] = _schema(value)
    return _filled(found)


def _filled(value: JsonValue) -> JsonValue:
    """Without what is empty."""
    if not isinstance(value, dict):
        return value
    return {key: kept for key, item in value.items() if (kept := _filled(item)) not in (None, "", [], {})}


def first_difference(sent: JsonValue, recorded: JsonValue, path: str = "") -> str:
    """Empty where both are equal."""
    if type(sent) is not type(recorded):
        return f"{path}: {_short(sent)} instead of {_short(recorded)}"
    if isinstance(sent, dict) and isinstance(recorded, dict):
        if sent.keys() != recorded.keys():
            return f"{path}: keys {sorted(sent)} instead of {sorted(recorded)}"
        found = (first_difference(sent[key], recorded[key], f"{path}.{key}".lstrip(".")) for key in sent)
        return next((text for text in found if text), "")
    if isinstance(sent, list) and isinstance(recorded, list):
        if len(sent) != len(recorded):
            return f"{path}: {len(sent)} items instead of {len(recorded)}"
        both = enumerate(zip(sent, recorded, strict=True))
        found = (first_difference(one, other, f"{path}[{place}]") for place, (one, other) in both)
        return next((text for text in found if text), "")
    if isinstance(sent, str) and isinstance(recorded, str) and sent != recorded:
        pairs = enumerate(zip(sent, recorded, strict=False))
        place = next((number for number, (one, other) in pairs if one != other), min(len(sent), len(recorded)))
        return f"{path}, character {place}: {_short(sent[place:])} instead of {_short(recorded[place:])}"
    return "" if sent == recorded else f"{path}: {_short(sent)} instead of {_short(recorded)}"


def _short(value: JsonValue) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
