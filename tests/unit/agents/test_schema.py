"""The schema that is sent: unions as anyOf, nothing that Gemini does not read, no text twice."""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from agents.head import HeadAnswer
from agents.schema import json_schema, one_object


class Cat(BaseModel):
    kind: Literal["cat"]
    name: str = Field(description="What it is called.", max_length=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(description="What it is called.")


class Zoo(BaseModel):
    plain: list[Cat | Dog]
    tagged: Annotated[Cat | Dog, Field(discriminator="kind")]


def test_a_union_is_any_of_its_kinds_however_it_is_written() -> None:
    properties = json_schema(Zoo)["properties"]
    for union in (properties["plain"]["items"], properties["tagged"]):
        kinds = [option["properties"]["kind"] for option in union["anyOf"]]
        assert kinds == [{"enum": ["cat"], "type": "string"}, {"enum": ["dog"], "type": "string"}]


def test_a_description_stands_once_and_unknown_words_not_at_all() -> None:
    text = json.dumps(json_schema(Zoo))
    assert text.count("What it is called.") == 1
    assert "maxLength" not in text
    assert "oneOf" not in text
    assert "$ref" not in text


def test_every_claim_of_the_head_agent_is_in_its_schema() -> None:
    claim = json_schema(HeadAnswer)["properties"]["claims"]["items"]
    kinds = set(claim["properties"]["kind"]["enum"])
    assert kinds == {
        "placed", "pauses", "mix", "trend", "why", "levels", "compared", "timing", "extreme", "limit",
        "understood", "not_understood", "sure",
    }  # fmt: skip


def test_a_union_as_one_object_says_each_field_once_and_which_kind_takes_it() -> None:
    class Bird(BaseModel):
        kind: Literal["hen", "duck"]
        name: str = Field(description="What it is called.")
        eggs: int = 0

    animal = one_object((Cat, Bird))
    assert animal["required"] == ["kind", "name"]
    assert animal["properties"].keys() == {"kind", "name", "eggs"}
    assert animal["properties"]["kind"]["enum"] == ["cat", "hen", "duck"]
    assert animal["properties"]["kind"]["description"].endswith("cat(); hen, duck(eggs?)")
