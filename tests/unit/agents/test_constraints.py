"""The vocabulary: what each constraint says in plain English, and what a model's answer may look like."""

from datetime import UTC, date, datetime, time
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from agents.compute import ComputeAnswer
from agents.constraints import (
    CarbonTotal,
    Constraint,
    Finish,
    Hours,
    Pausing,
    PricePerKwh,
    ReadConstraint,
    Region,
    Saving,
    Start,
)
from agents.schema import json_schema

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("constraint", "phrase"),
    [
        (Region(quote="q", regions=(13, 7), allowed=True), "only in South Wales and London"),
        (
            Region(quote="q", regions=tuple(range(1, 13)), allowed=False),
            "not in regions other than London and South East England",
        ),
        (Start(quote="q", bound="earliest", time=NOON), "start at Wed 1 Jul 13:00 or later"),
        (Finish(quote="q", time=NOON), "finish by Wed 1 Jul 13:00"),
        (Hours(quote="q", allowed=False, start=time(16), end=time(19)), "not between 16:00 and 19:00"),
        (Hours(quote="q", allowed=True, weekdays=("sun", "sat")), "only on Sat and Sun"),
        (Hours(quote="q", allowed=False, dates=(date(2026, 12, 25),)), "not on Fri 25 Dec"),
        (CarbonTotal(quote="q", max_g=1500), "emit at most 1500 g of CO2"),
        (PricePerKwh(quote="q", max_gbp_per_kwh=0.2, basis="mean"), "pay at most £0.2 per kWh on average"),
        (Pausing(quote="q", allowed=True, max_pauses=1), "may pause at most 1 time"),
        (Saving(quote="q", amount=10, unit="pct"), "wait only if it saves at least 10 %"),
    ],
)
def test_a_constraint_is_said_in_plain_english(constraint: Constraint, phrase: str) -> None:
    assert constraint.phrase() == phrase


def test_a_record_is_flat_and_names_reader_and_outcome() -> None:
    read = ReadConstraint(constraint=Finish(quote="by noon", time=NOON), read_by="rules", outcome="given_up")
    assert read.record() == {
        "kind": "finish",
        "quote": "by noon",
        "strength": "must",
        "time": "2026-07-01T12:00:00Z",
        "read_by": "rules",
        "outcome": "given_up",
    }


def test_a_time_without_an_offset_is_uk_time() -> None:
    naive = TypeAdapter(Constraint).validate_python({"kind": "finish", "quote": "q", "time": "2026-07-01T13:00"})
    assert naive.time == NOON


def test_a_region_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="from 1 to 14"):
        Region(quote="q", regions=(15,), allowed=True)


def test_the_schema_that_is_sent_offers_every_kind_with_its_fields() -> None:
    offered = json_schema(ComputeAnswer)["properties"]["constraints"]["items"]
    kinds = {kind.model_fields["kind"].default for kind in get_args(Constraint)}
    fields = {name for kind in get_args(Constraint) for name in kind.model_fields}
    assert set(offered["properties"]["kind"]["enum"]) == kinds
    assert offered["properties"].keys() == fields
    assert set(offered["required"]) == {"kind", "quote"}


def test_fields_of_one_name_have_one_shape_since_they_are_sent_once() -> None:
    shapes: dict[str, set[str]] = {}
    for kind in get_args(Constraint):
        for name, field in kind.model_fields.items():
            shapes.setdefault(name, set()).add(str(field.annotation))
    assert {name for name, found in shapes.items() if len(found) > 1} == {"kind"}
