"""Fits on published forecasts: they find what made up data were made from, and say no more than there is."""

import csv
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tools.backtest.vintages import (
    FIRST_RULE,
    SLOTS,
    VintageError,
    brier_difference,
    crossed,
    fit,
    groups,
    lead_difference,
    read_vintages,
    sd_per_root_g,
    shifts,
)
from tools.slots import SLOT
from tools.solver.confidence import error_model

FIRST = datetime(2023, 3, 14, 3, 31, tzinfo=UTC)


def written(folder, count, sd, correlation_hours, seed=0):
    """Vintages a week apart whose errors are normal, with one spread and one correlation."""
    rng = np.random.default_rng(seed)
    lag = np.abs(np.arange(SLOTS)[:, None] - np.arange(SLOTS)) / 2
    root = np.linalg.cholesky(np.exp(-lag / correlation_hours) + 1e-9 * np.eye(SLOTS))
    with (folder / "forecasts.csv").open("w") as f, (folder / "actuals.csv").open("w") as a:
        forecasts, actuals = csv.writer(f), csv.writer(a)
        forecasts.writerow(["issued_at", "from", "forecast"])
        actuals.writerow(["from", "actual"])
        for week in range(count):
            issued = FIRST + timedelta(days=7 * week)
            hours = np.arange(SLOTS) / 2 + week
            forecast = 150 + 30 * np.sin(2 * np.pi * hours / 24) + 10 * np.sin(2 * np.pi * hours / 5)
            actual = forecast + sd * (root @ rng.normal(size=SLOTS))
            for i in range(SLOTS):
                time = issued.replace(minute=30) + i * SLOT
                forecasts.writerow([f"{issued:%Y-%m-%dT%H:%MZ}", f"{time:%Y-%m-%dT%H:%MZ}", f"{forecast[i]:.2f}"])
                actuals.writerow([f"{time:%Y-%m-%dT%H:%MZ}", f"{actual[i]:.2f}"])


@pytest.fixture(scope="module")
def vintages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vintages")
    written(folder, 10, sd=25.0, correlation_hours=5.0)
    return read_vintages(folder)


def test_the_spread_that_the_errors_were_drawn_with_is_measured(vintages):
    assert sd_per_root_g(vintages) == pytest.approx(25 / np.sqrt(150), rel=0.15)


def test_what_is_said_of_errors_as_assumed_comes_true_and_better_than_by_the_first_rule(vintages):
    made = list(shifts(vintages[:6]))
    drawn = error_model().model_copy(
        update={"sd_per_root_g": 25 / np.sqrt(150), "correlation_hours": 5.0, "slope": 1.7}
    )
    whole, *parts = groups(made, drawn)
    assert whole.came.low - 0.05 <= whole.said <= whole.came.high + 0.05
    assert sum(g.decisions for g in parts if g.name.startswith("lead")) == whole.decisions == len(made)
    assert abs(lead_difference(made, drawn).value) < 0.03
    better = brier_difference(made, drawn, FIRST_RULE)
    assert better.low <= better.value <= better.high
    assert better.value < 0


@pytest.mark.long
def test_a_fit_finds_a_slope_that_fits_and_no_optimism_to_speak_of(vintages):
    made = list(shifts(vintages))
    model, optimism = fit(made, error_model())
    assert 1.0 < model.slope < 3.0
    assert abs(optimism) < 0.5
    assert crossed(made, error_model()) < 0.25


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("actuals.csv", "from,actual\n2023-03-14T03:30Z,many\n", "line 2 .* a number in actual"),
        ("actuals.csv", "from,actual\nyesterday,5\n", "line 2 .* times with their zone in from"),
        ("forecasts.csv", "from,forecast\n2023-03-14T03:30Z,5\n", "line 2|issued_at"),
        ("forecasts.csv", "issued_at,from,forecast\n", "there is no forecast"),
    ],
)
def test_files_that_are_no_vintages_are_refused_with_the_line(tmp_path, name, text, says):
    written(tmp_path, 1, sd=5.0, correlation_hours=3.0)
    (tmp_path / name).write_text(text)
    with pytest.raises(VintageError, match=says):
        read_vintages(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(VintageError, match=f"has no {name}"):
        read_vintages(tmp_path)


def test_the_first_published_vintages_are_read_whole(shared_data):
    found = read_vintages(shared_data / "neso" / "vintages")
    assert len(found) == 62
    assert not any(np.isnan(v.forecast).any() or np.isnan(v.actual).any() for v in found)
