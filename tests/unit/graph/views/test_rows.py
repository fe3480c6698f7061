"""Rows in words."""

from typing import Any

import pytest

from graph.views.rows import describe

ROW: dict[str, Any] = {"id": "1", "workload_name": "night", "status": "queued", "recommended_region": "London"}


@pytest.mark.parametrize(
    ("savings", "words"),
    [
        ({"carbon_pct": 88.3, "cost_pct": 24.8}, "88 % less carbon, 25 % less cost"),
        ({"carbon_pct": -1500.0, "cost_pct": 34.3}, "1500 % more carbon, 34 % less cost"),
        ({"carbon_pct": None, "cost_pct": -5.0}, "5 % more cost"),
    ],
)
def test_a_comparison_with_running_now_says_more_or_less(savings: dict[str, Any], words: str) -> None:
    row = {**ROW, "metadata": {"provenance": {"savings": savings}}}
    assert f"against running now: {words}" in describe(row)


@pytest.mark.parametrize("metadata", [None, {}, {"provenance": {"savings": None}}, {"provenance": "mine"}, ["a list"]])
def test_without_figures_there_is_no_comparison(metadata: object) -> None:
    assert not [line for line in describe({**ROW, "metadata": metadata}) if "against" in line]
