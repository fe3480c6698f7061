"""Answers in lines: where, when, how much, and why nothing greener is first."""

from typing import Any

import pytest

from graph.views.placements import carbon, heading, placement_line, placement_lines, when


def option(region: str, grams: float, pounds: float, start: str = "2026-01-31T18:30:00+00:00") -> dict[str, Any]:
    return {"region": region, "carbon_g": grams, "cost_gbp": pounds, "start": start, "reason": "low_carbon"}


def row(*options: dict[str, Any], price: float = 1000, **columns: Any) -> dict[str, Any]:
    return {
        "workload_name": "nightly fraud-model training",
        "status": "queued",
        "recommended_region": "North Wales & Merseyside",
        "recommended_time_window_start": "2026-01-31T18:00:00+00:00",
        "recommended_time_window_end": "2026-02-01T02:00:00+00:00",
        "recommended_cost_gbp": 4.5357,
        "metadata": {
            "recommendations": list(options),
            "provenance": {"carbon_price_gbp_per_tonne": price, "savings": {"carbon_g": 3145.0}},
        },
        **columns,
    }


@pytest.mark.parametrize("width", [80, 100, 200])
def test_a_line_fits_its_width_with_the_end_of_the_window_in_it(width: int) -> None:
    line = placement_line(row(option("North Wales & Merseyside", 216, 4.5357)), width)
    assert len(line) <= width
    assert len(heading(width)) <= width
    for part in ("Sat 18:00-Sun 02:00", "216 g", "4.54", "3.1 kg"):
        assert part in line
    assert ("nightly fraud-model training" in line) or "…" in line


def test_the_greener_alternative_is_not_first_because_its_tonne_costs_too_much() -> None:
    lines = placement_lines(row(option("London", 216, 4.50), option("North Scotland", 0, 5.80)), 80)
    assert lines[1:] == ["  Greener: North Scotland Sat 18:30, 0 g, +£1.30 = £6,019/t > £1,000/t"]


def test_a_greener_alternative_that_is_not_too_dear_has_its_reason_named() -> None:
    lines = placement_lines(row(option("London", 216, 4.50), option("Wales", 0, 4.50)), 80)
    assert "ranked lower (low_carbon)" in lines[1]


def test_where_nothing_is_greener_that_is_said() -> None:
    assert placement_lines(row(option("London", 0, 4.5), option("Wales", 0.3, 4.0)), 80)[1:] == [
        "  No alternative emits less."
    ]


def test_a_failure_is_told_in_full_below_its_name() -> None:
    failed = row(status="failed", recommended_region=None, agent_error="No placement keeps every limit. " * 4)
    lines = placement_lines(failed, 80)
    assert lines[0] == "nightly fraud-model training: failed"
    assert " ".join(line.strip() for line in lines[1:]) == ("No placement keeps every limit. " * 4).strip()
    assert len(placement_line(failed, 80)) <= 80


def test_a_row_that_somebody_else_shaped_is_shown_all_the_same() -> None:
    for metadata in (None, [], {"recommendations": "mine", "provenance": 3}, {"recommendations": [7, {}]}):
        assert "North Wales" in placement_line({**row(), "metadata": metadata}, 80)


@pytest.mark.parametrize(
    ("grams", "words"), [(0, "0 g"), (-0.2, "0 g"), (998, "998 g"), (1000, "1.0 kg"), (250_000, "250 kg"), (None, "")]
)
def test_grams_and_kilograms(grams: float | None, words: str) -> None:
    assert carbon(grams) == words


def test_a_window_in_summer_is_in_uk_time() -> None:
    assert when("2026-07-01T22:30:00+00:00", "2026-07-02T00:30:00+00:00") == "Wed 23:30-Thu 01:30"
