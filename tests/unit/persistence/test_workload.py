"""A row becomes a Workload, or every bad column is named in words for its user."""

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persistence.errors import InvalidWorkload
from persistence.workload import MAX_NAME_CHARACTERS, MAX_REQUEST_CHARACTERS, Urgency, Workload, parse_workload
from tests.thorough import tries

ID = "6a3c2f0e-58a1-4a52-9d7e-0e6f0b8b7a11"


def row(**columns: Any) -> dict[str, Any]:
    return {"id": ID, "workload_name": "train", "submitted_at": "2026-01-31T12:00:00+00:00", "metadata": {}, **columns}


def problems(**columns: Any) -> list[str]:
    with pytest.raises(InvalidWorkload) as caught:
        parse_workload(row(**columns))
    return list(caught.value.problems)


def test_a_bare_row_is_enough() -> None:
    workload = parse_workload(row())
    assert workload.id == UUID(ID)
    assert (workload.workload_type, workload.urgency) == ("OTHER", Urgency.MEDIUM)
    assert workload.finish_by is None


def test_a_full_row_is_typed() -> None:
    workload = parse_workload(
        row(
            workload_type="fine_tuning", urgency="high", priority=70, host_dc=" London Docklands ",
            required_gpu_mins=480, required_cpu_cores=16, required_memory_gb=64, estimated_energy_kwh=12.5,
            estimated_duration_hours=4, carbon_cap_gco2=900, max_carbon_intensity_gco2_kwh=150.5,
            min_renewable_pct=40, max_price_gbp=3.2, is_deferrable=True, deferral_window_mins=720,
            earliest_start="2026-01-31T18:00:00+00:00", deadline="2026-02-01T18:00:00+01:00",
            latest_completion="2026-02-01T20:00:00Z",
        )
    )  # fmt: skip
    assert (workload.workload_type, workload.urgency, workload.host_dc) == ("FINE_TUNING", "HIGH", "London Docklands")
    assert workload.finish_by == datetime(2026, 2, 1, 17, tzinfo=UTC)
    assert workload.earliest_start == datetime(2026, 1, 31, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("legacy", "now"),
    [("ai_training", "TRAINING_RUN"), ("inference", "INFERENCE_BATCH"), ("batch_processing", "DATA_PROCESSING")],
)
def test_type_names_of_older_rows_are_understood(legacy: str, now: str) -> None:
    assert parse_workload(row(workload_type=legacy)).workload_type == now


def test_a_real_time_row_cannot_wait_unless_it_says_so() -> None:
    assert parse_workload(row(workload_type="real_time")).is_deferrable is False
    assert parse_workload(row(workload_type="real_time", is_deferrable=True)).is_deferrable is True


def test_the_form_fills_null_columns_only() -> None:
    form = {"required_gpu_mins": "120", "urgency": "LOW", "is_deferrable": "true", "notes": "at night", "host_dc": ""}
    workload = parse_workload(row(urgency="HIGH", required_gpu_mins=None, metadata={"user_request": form}))
    assert (workload.required_gpu_mins, workload.urgency, workload.is_deferrable) == (120, "HIGH", True)
    assert workload.request_text == "notes: at night"
    assert workload.host_dc is None


def test_a_bad_value_in_the_form_does_not_matter_where_the_column_is_set() -> None:
    assert parse_workload(row(priority=5, metadata={"user_request": {"priority": "soon"}})).priority == 5


def test_a_text_request_is_kept_as_free_text() -> None:
    workload = parse_workload(row(metadata={"user_request": "Train it overnight,\nplease."}))
    assert workload.request_text == "Train it overnight,\nplease."


def test_zero_energy_or_duration_means_that_nothing_was_stated() -> None:
    workload = parse_workload(row(estimated_energy_kwh=0, estimated_duration_hours=0.0, required_gpu_mins=0))
    assert (workload.estimated_energy_kwh, workload.estimated_duration_hours) == (None, None)
    assert workload.required_gpu_mins == 0


def test_a_missing_submission_time_is_that_of_the_claim() -> None:
    workload = parse_workload(row(submitted_at=None, agent_started_at="2026-01-31T12:00:05+00:00"))
    assert workload.submitted_at.second == 5


MALFORMED = {
    "negative minutes": ({"required_gpu_mins": -90}, "required_gpu_mins: -90 is negative; it must be from 0 to"),
    "negative duration": ({"estimated_duration_hours": -0.5}, "estimated_duration_hours: -0.5 is negative"),
    "negative deferral": ({"deferral_window_mins": -1}, "deferral_window_mins: -1 is negative"),
    "absurd cores": ({"required_cpu_cores": 2_147_483_647}, "required_cpu_cores: 2147483647 is too large"),
    "absurd energy": ({"estimated_energy_kwh": 1e300}, "estimated_energy_kwh: 1e+300 is too large"),
    "a century long": ({"estimated_duration_hours": 876_000}, "estimated_duration_hours: 876000 is too large"),
    "priority past 100": ({"priority": 101}, "priority: 101 is too large; it must be from 0 to 100"),
    "share past 100 %": ({"min_renewable_pct": 180}, "min_renewable_pct: 180 is too large; it must be from 0 to 100"),
    "unknown urgency": ({"urgency": "ASAP!!"}, "urgency: “ASAP!!” is not known; use one of LOW, MEDIUM, HIGH, CRITI"),
    "unknown type": ({"workload_type": "mining"}, "workload_type: “mining” is not known; use one of TRAINING_RUN"),
    "null name": ({"workload_name": None}, "workload_name: is missing."),
    "blank name": ({"workload_name": " \t "}, "workload_name: is empty."),
    "huge name": ({"workload_name": "n" * 501}, "workload_name: is 501 characters long; at most 500 are accepted."),
    "control characters": ({"workload_name": "a\x1b[31mb"}, "contains the control character U+001B; remove it."),
    "1 MB of text": ({"metadata": {"user_request": "x" * (1 << 20)}}, "is 1,048,576 characters long; at most 10,000"),
    "bell in the request": ({"metadata": {"user_request": "a\x07"}}, "contains the control character U+0007"),
    "NaN": ({"estimated_energy_kwh": "NaN"}, "estimated_energy_kwh: “NaN” is not a finite number."),
    "infinity": ({"max_price_gbp": "Infinity"}, "max_price_gbp: “Infinity” is not a finite number."),
    "infinite date": ({"deadline": "infinity"}, "deadline: “infinity” is not a date and time such as"),
    "date long ago": ({"deadline": "0001-01-01T00:00:00+00:00"}, "is not between the years 2000 and 2100"),
    "date before Christ": ({"deadline": "0044-03-15T00:00:00+00:00 BC"}, "is not a date and time"),
    "start after the end": (
        {"earliest_start": "2026-02-02T00:00:00Z", "deadline": "2026-02-01T00:00:00Z"},
        "earliest_start (2026-02-02 00:00Z) is not before the deadline (2026-02-01 00:00Z).",
    ),
    "metadata is a list": ({"metadata": [1, 2]}, "metadata: must be a JSON object."),
    "request is a number": ({"metadata": {"user_request": 7}}, "metadata.user_request: must be an object or text."),
    "wrong type in form": (
        {"metadata": {"user_request": {"required_gpu_mins": {"n": 1}}}},
        "metadata.user_request.required_gpu_mins: must be a number, but is an object.",
    ),
    "words in form": (
        {"metadata": {"user_request": {"required_cpu_cores": "many"}}},
        "metadata.user_request.required_cpu_cores: must be a number, but is “many”.",
    ),
    "fraction of a core": ({"required_cpu_cores": 1.5}, "required_cpu_cores: 1.5 is not a whole number."),
    "maybe deferrable": ({"metadata": {"user_request": {"is_deferrable": "maybe"}}}, "is neither true nor false"),
    "number for a truth": ({"metadata": {"user_request": {"is_deferrable": 1}}}, "1 is neither true nor false"),
    "truth for a number": (
        {"metadata": {"user_request": {"priority": True}}},
        "must be a number, but is true or false",
    ),
    "date without zone": (
        {"metadata": {"user_request": {"deadline": "2026-02-01T10:00"}}},
        "has no time zone; write it",
    ),
    "date as number": (
        {"metadata": {"user_request": {"deadline": 1769947200}}},
        "must be a date and time, but is a num",
    ),
    "5,000 digits": ({"metadata": {"user_request": {"priority": 10**5000}}}, "is not a finite number"),
    "no submission time": ({"submitted_at": None}, "submitted_at: must be a date and time, but is missing."),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_row_is_answered_in_words(kind: str) -> None:
    columns, expected = MALFORMED[kind]
    (problem,) = problems(**columns)
    assert expected in problem
    assert len(problem) < 250
    assert problem.isprintable()


def test_every_bad_column_is_named_at_once() -> None:
    found = problems(required_gpu_mins=-1, urgency="x", workload_name=None, metadata=[], deadline="soon")
    assert [problem.split(":")[0] for problem in found] == [
        "metadata", "urgency", "required_gpu_mins", "deadline", "workload_name",
    ]  # fmt: skip


def test_text_at_its_limit_is_accepted() -> None:
    workload = parse_workload(
        row(workload_name="n" * MAX_NAME_CHARACTERS, metadata={"user_request": "r" * MAX_REQUEST_CHARACTERS})
    )
    assert len(workload.request_text or "") == MAX_REQUEST_CHARACTERS


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["NaN", "HIGH", "2026-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
COLUMNS = [*Workload.model_fields, "deadline", "latest_completion", "agent_started_at", "unheard_of"]


@settings(max_examples=tries(60, 400), deadline=None)
@given(st.dictionaries(st.sampled_from(COLUMNS), JSON), JSON, st.dictionaries(st.sampled_from(COLUMNS), JSON))
def test_any_row_becomes_a_workload_or_an_explanation(columns: Any, metadata: Any, form: Any) -> None:
    for candidate in (metadata, {"user_request": form}, {"user_request": metadata}):
        outcome = outcome_of(row(**{**columns, "metadata": candidate}))
        if isinstance(outcome, Workload):
            numbers = [value for value in outcome.model_dump().values() if isinstance(value, float)]
            assert all(math.isfinite(number) for number in numbers)
        else:
            assert outcome
            assert all(problem.endswith(".") for problem in outcome)


def outcome_of(given_row: dict[str, Any]) -> Workload | tuple[str, ...]:
    try:
        return parse_workload(given_row)
    except InvalidWorkload as error:
        return error.problems
