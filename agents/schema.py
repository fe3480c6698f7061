"""Answer types as the JSON schema that is sent: references resolved, nothing but what Gemini reads."""

import json
from collections.abc import Sequence
from functools import cache
from typing import get_args

from pydantic import BaseModel, JsonValue

_KEPT = {"type", "enum", "items", "properties", "required", "description", "minItems", "maxItems", "anyOf"}


def json_schema(answer: type[BaseModel]) -> dict[str, JsonValue]:
    """The schema of an answer type; its title, the type's name, tells the answers apart."""
    schema: dict[str, JsonValue] = json.loads(_text(answer))  # a copy: clients edit what they are given
    return schema


@cache
def _text(answer: type[BaseModel]) -> str:
    schema = answer.model_json_schema()
    schema.pop("description", None)
    definitions = schema.pop("$defs", {})
    return json.dumps({"title": answer.__name__, **_resolved(schema, definitions, set())})


def one_object(kinds: Sequence[type[BaseModel]]) -> dict[str, JsonValue]:
    """A union of types with a literal `kind` as one object: each field once, and with the kind which fields it takes.

    Half the size of `anyOf`, which says every common field again; what is missing or too much is judged on arrival.
    Fields of one name must have one shape.
    """
    schemas = [kind.model_json_schema() for kind in kinds]
    common = set.intersection(*(set(kind.model_fields) for kind in kinds))
    fields = {name: child for schema in reversed(schemas) for name, child in schema["properties"].items()}
    required = [name for name in common - {"kind"} if all(kind.model_fields[name].is_required() for kind in kinds)]
    definitions = {name: shape for schema in schemas for name, shape in schema.get("$defs", {}).items()}
    names: list[JsonValue] = [name for kind in kinds for name in _names(kind)]
    takes = "; ".join(_signature(kind, schema, common) for kind, schema in zip(kinds, schemas, strict=True))
    about = f"Each with its fields (? may be left out): {takes}"
    kind: dict[str, JsonValue] = {"type": "string", "enum": names, "description": about}
    properties: dict[str, JsonValue] = {"kind": kind, **_but_kind(fields)}
    shape: dict[str, JsonValue] = {"properties": properties, "required": ["kind", *sorted(required)], "type": "object"}
    return _resolved(shape, definitions, set())


def _names(kind: type[BaseModel]) -> tuple[str, ...]:
    return get_args(kind.model_fields["kind"].annotation)


def _but_kind(fields: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: child for name, child in fields.items() if name != "kind"}


def _signature(kind: type[BaseModel], schema: dict[str, JsonValue], common: set[str]) -> str:
    """ "placed, pauses(who)"; what the type's own docstring says comes after it."""
    own = (f"{name}{'' if it.is_required() else '?'}" for name, it in kind.model_fields.items() if name not in common)
    about = schema.get("description")
    return f"{', '.join(_names(kind))}({', '.join(own)})" + (f": {str(about).rstrip('.')}" if about else "")


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
