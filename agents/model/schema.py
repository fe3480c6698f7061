"""Answer types as the JSON schema that is sent: references resolved, nothing but what Gemini reads."""

import json
from functools import cache

from pydantic import BaseModel, JsonValue

_KEPT = frozenset(
    {
        "type",
        "enum",
        "items",
        "properties",
        "required",
        "description",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
    }
)


def json_schema(answer: type[BaseModel]) -> dict[str, JsonValue]:
    """The schema of an answer type; its title, the type's name, tells the answers apart."""
    schema: dict[str, JsonValue] = json.loads(_text(answer))  # a copy: clients edit what they are given
    return schema


@cache
def _text(answer: type[BaseModel]) -> str:
    schema = answer.model_json_schema()
    definitions = schema.pop("$defs", {})
    return json.dumps({"title": answer.__name__, **_resolved(schema, definitions, set())})


def _resolved(
    schema: dict[str, JsonValue], definitions: dict[str, dict[str, JsonValue]], told: set[str]
) -> dict[str, JsonValue]:
    """`told`: the descriptions that stand already; the same text twenty times over costs tokens and says nothing."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        schema = {**definitions[reference.rsplit("/", 1)[-1]], **schema}
    kept: dict[str, JsonValue] = {}
    for key, value in _without_null(schema).items():
        if key == "properties" and isinstance(value, dict):
            kept[key] = {name: _child(child, definitions, told) for name, child in value.items()}
        elif key == "oneOf":
            kept["anyOf"] = _child(value, definitions, told)
        elif key == "const":
            kept["enum"] = [value]
        elif key == "description" and isinstance(value, str):
            if value not in told:
                kept[key] = value
            told.add(value)
        elif key in _KEPT:
            kept[key] = _child(value, definitions, told)
    return kept


def _without_null(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What may be null may be left out as well: that is said by `required`, once."""
    options = schema.get("anyOf")
    if not isinstance(options, list) or {"type": "null"} not in options:
        return schema
    rest = [option for option in options if option != {"type": "null"}]
    if len(rest) != 1 or not isinstance(rest[0], dict):
        return schema
    return {**rest[0], **{key: value for key, value in schema.items() if key != "anyOf"}}


def _child(value: JsonValue, definitions: dict[str, dict[str, JsonValue]], told: set[str]) -> JsonValue:
    if isinstance(value, dict):
        return _resolved(value, definitions, told)
    if isinstance(value, list):
        return [_child(item, definitions, told) for item in value]
    return value
