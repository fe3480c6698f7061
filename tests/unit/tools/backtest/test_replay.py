"""Replays: nothing is chosen on what came, and holes leave jobs out."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.thorough import tries
from tools.backtest.jobs import (
    JobListError,
    ReplayJob,
    arrivals,
    ml_project,
    next_review,
    next_workday,
    nightly,
    read_jobs,
)
from tools.backtest.replay import Policy, Setting, noisy, replay
from tools.backtest.report import grouped, monthly_savings, results
from tools.backtest.trace import Trace, TraceError, read_trace

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = tries(12, 30)


def trace_of(actual, price=None):
    actual = np.array(actual, float)
    return Trace("t", START, actual, None, None if price is None else np.array(price, float))


def test_the_choice_is_made_on_the_forecast_and_scored_on_what_came():
    trace = trace_of([100, 100, 300, 50])
    forecast = np.array([[100.0, 100, 20, 90]])
    found = replay(trace, [ReplayJob(0, 0, 120, 30, 2.0)], forecast, Setting())
    assert found.scores[Policy.GREENEST].carbon_g[0, 0] == 300
    assert found.scores[Policy.ORACLE].carbon_g[0, 0] == 50
    assert found.scores[Policy.RUN_NOW].carbon_g[0, 0] == 100
    assert found.scores[Policy.GREENEST].delay_hours[0, 0] == 1.0


def test_cheapest_ours_and_greenest_differ_as_their_objectives_do():
    trace = trace_of([300, 100, 200], [0.3, 0.4, 0.1])
    found = replay(
        trace, [ReplayJob(0, 0, 90, 30, 2.0)], trace.actual[None, :], Setting(carbon_price_gbp_per_tonne=100)
    )
    delays = {policy: float(score.delay_hours[0, 0]) for policy, score in found.scores.items()}
    assert (delays[Policy.GREENEST], delays[Policy.CHEAPEST], delays[Policy.OURS]) == (0.5, 1.0, 1.0)


def test_a_shift_below_the_minimum_saving_is_not_made():
    trace = trace_of([100, 97])
    job = [ReplayJob(0, 0, 60, 30, 2.0)]
    kept = replay(trace, job, trace.actual[None, :], Setting(min_saving=0.05, min_saving_gbp=0))
    moved = replay(trace, job, trace.actual[None, :], Setting(min_saving=0.02, min_saving_gbp=0))
    penny = replay(trace, job, trace.actual[None, :], Setting(min_saving=0.02))
    assert penny.scores[Policy.OURS].delay_hours[0, 0] == 0
    assert kept.scores[Policy.OURS].delay_hours[0, 0] == 0
    assert moved.scores[Policy.OURS].delay_hours[0, 0] == 0.5


@pytest.mark.parametrize("hole", [0, 1, 2])
def test_a_job_whose_window_has_a_hole_is_left_out_and_counted(hole):
    actual = [100.0, 90.0, 80.0, 70.0]
    actual[hole] = np.nan
    found = replay(
        trace_of(actual), [ReplayJob(0, 0, 90, 30, 1.0), ReplayJob(90, 90, 120, 30, 1.0)], np.array([actual]), Setting()
    )
    assert found.skipped == 1
    assert len(found.energy_kwh) == 1


def test_a_job_beyond_the_trace_is_left_out():
    trace = trace_of([1, 2])
    assert replay(trace, [ReplayJob(30, 30, 90, 30, 1.0)], trace.actual[None, :], Setting()).skipped == 1
    assert results(replay(trace, [], trace.actual[None, :], Setting())) == []


def test_results_are_sums_and_savings_against_running_now():
    trace = trace_of([100, 50] * 40)
    jobs = [ReplayJob(i * 60, i * 60, i * 60 + 60, 30, 2.0) for i in range(40)]
    rows = {r.policy: r for r in results(replay(trace, jobs, trace.actual[None, :], Setting()))}
    assert rows["greenest"].carbon_saved_pct == pytest.approx(50)
    assert rows["run now"].carbon_kg == pytest.approx(4.0)
    assert rows["greenest"].cost_gbp is None
    assert rows["greenest"].shifted_pct == 100
    assert monthly_savings(replay(trace, jobs, trace.actual[None, :], Setting()), Policy.GREENEST) == {"2024-01": 50.0}


def test_noise_is_one_draw_per_slot_and_seed():
    one = noisy(np.full(10, 100.0), 0.05, [3])
    assert np.array_equal(one[0], 100 + np.random.default_rng(3).normal(0, 5.0, 10))


@pytest.mark.parametrize(
    ("end", "seen"),
    [
        ("2020-01-03 12:00", "2020-01-03 12:00"),
        ("2020-01-03 17:00", "2020-01-03 17:00"),
        ("2020-01-03 17:30", "2020-01-04 09:00"),
        ("2020-01-03 08:30", "2020-01-03 09:00"),
        ("2020-01-04 12:00", "2020-01-06 09:00"),
        ("2020-01-05 03:00", "2020-01-06 09:00"),
    ],
)
def test_results_are_looked_at_in_working_hours(end, seen):
    assert next_workday(datetime.fromisoformat(end)) == datetime.fromisoformat(seen)


@pytest.mark.parametrize(
    ("end", "seen"),
    [
        ("2020-01-06 09:00", "2020-01-06 09:00"),
        ("2020-01-06 09:30", "2020-01-09 09:00"),
        ("2020-01-09 09:00", "2020-01-09 09:00"),
        ("2020-01-09 10:00", "2020-01-13 09:00"),
        ("2020-01-12 23:00", "2020-01-13 09:00"),
    ],
)
def test_reviews_are_on_mondays_and_thursdays(end, seen):
    assert next_review(datetime.fromisoformat(end)) == datetime.fromisoformat(seen)


def test_scenarios_have_the_published_sizes():
    assert len(ml_project(2020, "next_workday")) == 3387
    assert len(nightly(datetime(2020, 1, 1, tzinfo=UTC), 0)) == 365
    assert len(nightly(datetime(2020, 1, 1, tzinfo=UTC), 4)) == 364
    jobs = arrivals(START, 48 * 30, jobs=200)
    assert all(j.latest_finish - j.earliest == j.minutes + 1440 for j in jobs)


def test_a_job_list_is_read_and_a_bad_line_named(tmp_path, shared_data):
    jobs = read_jobs(shared_data / "jobs" / "gaia_pai_1k.csv", slack_hours=2)
    assert len(jobs) == 1000
    assert jobs[0].minutes == 106
    bad = tmp_path / "jobs.csv"
    bad.write_text("arrival_time,length,cpus\n0,60,1\n5,x,1\n")
    with pytest.raises(JobListError, match="line 3"):
        read_jobs(bad, slack_hours=1)
    with pytest.raises(JobListError, match="cannot read"):
        read_jobs(tmp_path / "absent.csv", slack_hours=1)


def test_every_kind_of_trace_is_told_by_its_header(shared_data):
    neso = read_trace(shared_data / "neso" / "neso_2023_national_intensity.csv")
    assert neso.forecast is not None
    assert np.isnan(neso.actual).sum() >= 91
    assert not (neso.actual <= 0).any()
    paper = read_trace(shared_data / "lets-wait-awhile" / "gb_ci.csv")
    assert (paper.slots, paper.start) == (18576, datetime(2019, 12, 20, tzinfo=UTC))
    matched = read_trace(shared_data / "octopus" / "matched_2023_national_ci_and_agile.csv")
    assert np.nanmin(matched.price_gbp_per_kwh) < 0


def written(path, rows, header="time,intensity"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def at(minutes):
    return f"{START + timedelta(minutes=minutes):%Y-%m-%dT%H:%MZ}"


@pytest.mark.parametrize(("step", "per_slot"), [(60, 0.5), (30, 1), (15, 2), (5, 6)])
def test_the_same_series_is_read_from_rows_of_every_length(tmp_path, step, per_slot):
    hourly = [100 + 7 * hour for hour in range(24)]
    rows = [f"{at(i * step)},{hourly[i * step // 60]}" for i in range(24 * 60 // step)]
    trace = read_trace(written(tmp_path / "own.csv", rows))
    assert trace.slots == 48
    assert trace.actual.tolist() == pytest.approx(np.repeat(hourly, 2))
    assert bool(trace.notes) == (step != 30)


def test_zero_is_a_figure_of_a_region_and_an_outage_of_a_country(tmp_path):
    region = read_trace(written(tmp_path / "own.csv", [f"{at(0)},100", f"{at(30)},0", f"{at(60)},"]))
    assert region.actual[:2].tolist() == [100, 0]
    assert np.isnan(region.actual[2])
    country = read_trace(written(tmp_path / "neso.csv", [f"{at(0)},100", f"{at(30)},0"], "from,actual"))
    assert np.isnan(country.actual[1])
    assert "outages" in country.notes[0]


@pytest.mark.parametrize(
    ("header", "rows", "says"),
    [
        ("a,b", ["1,2"], "has the columns 'a', 'b'"),
        ("", [], "columns"),
        ("time;intensity", ["2024-01-01T00:00Z;5"], "separated by commas"),
        ("time,intensity", [], "no row"),
        ("time,intensity", ["never,100"], "line 2: 'never' in 'time' is not a time"),
        ("time,intensity", [f"{at(0)},100", f"{at(30)},many"], "line 3: 'many' in 'intensity' is not a number"),
        ("time,intensity", [f"{at(0)},100", f"{at(30)},inf"], "line 3: 'inf'"),
        ("time,intensity", [f"{at(0)},100", f"{at(30)},-3"], "line 3: -3 in 'intensity' is below 0"),
        ("time,intensity", [f"{at(0)},100", f"{at(30)},100,7"], "line 3: it has more or fewer fields"),
        ("time,intensity", [f"{at(0)},100", at(30)], "line 3: it has more or fewer fields"),
        ("time,intensity", [f"{at(0)},100", f"{at(0)},90"], "line 3: .* appears twice"),
        ("time,intensity", [f"{at(i)},x" for i in range(9)], "and 6 more lines"),
        ("time,intensity", [f"{at(0)},100", f"{at(15)},7", f"{at(60)},90"], "a row at 2024-01-01T00:15"),
        ("time,intensity", [f"{at(i * 30 + (17 if i == 5 else 0))},100" for i in range(9)], "a row at .*02:47"),
        ("time,intensity", [f"{at(i * 1440)},100" for i in range(9)], "1440 minutes apart"),
        ("time,intensity", [f"{at(i * 30)},0.2" for i in range(9)], "kg/kWh"),
        ("time,intensity", [f"{at(i * 30)},210000" for i in range(9)], "210000: no carbon intensity"),
        ("time,intensity_kg_per_kwh", [f"{at(0)},0.2"], "'intensity_kg_per_kwh' is in another unit"),
        ("time,intensity,price_gbp_per_kwh", [f"{at(i * 30)},200,24.5" for i in range(9)], "24.5: that is p/kWh"),
        ("time,intensity,price_p_per_kwh", [f"{at(0)},200,24.5"], "'price_p_per_kwh'; the price .* hundredth"),
        ("time,intensity,forecast", [f"{at(0)},200,?"], "'\\?' in 'forecast'"),
    ],
)
def test_what_is_no_trace_is_refused_with_the_line_or_column(tmp_path, header, rows, says):
    with pytest.raises(TraceError, match=says):
        read_trace(written(tmp_path / "own.csv", rows, header))


def test_a_part_begins_at_a_half_hour(tmp_path):
    trace = read_trace(written(tmp_path / "own.csv", [f"{at(i * 30)},{i}" for i in range(3)]))
    assert trace.since(START + timedelta(minutes=30)).actual.tolist() == [1, 2]


def random_trace(seed, days=DAYS):
    rng = np.random.default_rng(seed)
    actual = rng.uniform(20, 400, days * 48)
    price = rng.uniform(-0.05, 0.4, days * 48)
    forecast = np.maximum(1.0, actual + rng.normal(0, 60, days * 48))
    return Trace("t", START, actual, forecast, price)


def replayed(trace, count=120, **setting):
    jobs = arrivals(trace.start, trace.slots, jobs=count, slack_hours=12)
    return replay(trace, jobs, trace.forecast[None, :], Setting(policies=tuple(Policy), **setting))


@pytest.mark.parametrize("objective", ["balanced", "carbon", "cost"])
@pytest.mark.parametrize("pausable", [False, True])
def test_the_guard_lets_nothing_through_that_was_to_emit_more_than_running_now(objective, pausable):
    found = replayed(random_trace(1), tries(10, 40) if pausable else 120, objective=objective, pausable=pausable)
    rows = {row.policy: row for row in results(found)}
    assert rows["ours, guarded"].dirtier_on_forecast_pct == 0
    assert rows["greenest"].dirtier_on_forecast_pct == 0
    assert rows["run now"].dirtier_pct == 0
    if objective == "cost":
        assert rows["ours"].dirtier_on_forecast_pct > 5
    worse = found.scores[Policy.GUARDED].carbon_g > found.scores[Policy.RUN_NOW].carbon_g + 1e-9
    assert rows["ours, guarded"].dirtier_pct == pytest.approx(100 * worse.mean())


def test_what_comes_first_is_saved_more_of():
    trace = random_trace(2)
    rows = {
        first: {row.policy: row for row in results(replayed(trace, carbon_price_gbp_per_tonne=500, objective=first))}
        for first in ("carbon", "balanced", "cost")
    }
    carbon, balanced, cost = (rows[first]["ours"] for first in ("carbon", "balanced", "cost"))
    assert carbon.carbon_saved_pct > balanced.carbon_saved_pct > cost.carbon_saved_pct
    assert carbon.cost_saved_pct < balanced.cost_saved_pct < cost.cost_saved_pct


@pytest.mark.parametrize("by", ["month", "weekday"])
def test_savings_by_month_and_weekday_add_up_to_the_whole(by):
    found = replayed(random_trace(3, days=50))
    rows = [row for row in grouped(found, by) if row.policy == "greenest"]
    names = [row.group for row in rows]
    assert names == (["2024-01", "2024-02"] if by == "month" else ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    base = found.scores[Policy.RUN_NOW].carbon_g
    key = [f"{t:%Y-%m}" if by == "month" else f"{t:%a}" for t in found.arrival]
    share = [base[[k == name for k in key]].sum() / base.sum() for name in names]
    whole = next(row for row in results(found) if row.policy == "greenest")
    assert sum(row.jobs for row in rows) == whole.jobs
    assert np.dot(share, [row.carbon_saved_pct for row in rows]) == pytest.approx(whole.carbon_saved_pct)
