"""Replays: nothing is chosen on what came, and holes leave jobs out."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

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
from tools.backtest.report import monthly_savings, results
from tools.backtest.trace import Trace, TraceError, read_trace

START = datetime(2024, 1, 1, tzinfo=UTC)


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
    kept = replay(trace, job, trace.actual[None, :], Setting(min_saving=0.05))
    moved = replay(trace, job, trace.actual[None, :], Setting(min_saving=0.02))
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


def test_own_files_need_two_columns_and_others_are_refused(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("time,intensity\n2024-01-01T00:00Z,100\n2024-01-01T00:15Z,7\n2024-01-01T01:00Z,90\n")
    trace = read_trace(own)
    assert trace.actual.tolist()[::2] == [100, 90]
    assert np.isnan(trace.actual[1])
    for text, words in [
        ("a,b\n1,2\n", "has the columns 'a', 'b'"),
        ("time,intensity\nnever,1\n", "no row"),
        ("", "columns"),
    ]:
        own.write_text(text)
        with pytest.raises(TraceError, match=words):
            read_trace(own)
    assert trace.since(START + timedelta(minutes=30)).slots == 2
