"""Exports, read back by the parsers of those who will read them."""

import json
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import kubernetes_validate
import pytest
import yaml
from icalendar import Calendar

from graph.exports import calendar, github, kubernetes, slurm, timers
from graph.exports.run import NothingToExport, Run

NOW = datetime(2026, 3, 4, 10, 12, tzinfo=UTC)
LONDON = ZoneInfo("Europe/London")


def row(**changes: Any) -> dict[str, Any]:
    return {
        "id": "3f2a0000-0000-4000-8000-000000000001",
        "workload_name": "Nightly; training, “Zürich” \\ 100%\nsecond line " + "ü" * 80,
        "recommended_region": "North Wales & Merseyside",
        "recommended_time_window_start": "2026-06-30T23:30:00+00:00",
        "recommended_time_window_end": "2026-07-01T04:00:00+00:00",
        "recommended_carbon_intensity": 12.5,
        "recommended_cost_gbp": 0.45,
        "decision_summary": "Run it there; it is cleaner, and cheaper.\n" * 5,
        "metadata": {
            "provenance": {
                "segments": [
                    {"start": "2026-06-30T23:30:00+00:00", "end": "2026-07-01T01:00:00+00:00"},
                    {"start": "2026-07-01T03:00:00+00:00", "end": "2026-07-01T04:00:00+00:00"},
                ]
            }
        },
        **changes,
    }


RUN = Run.of(row())


def test_a_calendar_reader_finds_each_stretch_and_the_text_as_it_was() -> None:
    text = calendar.calendar(RUN, NOW)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    events = Calendar.from_ical(text).walk("VEVENT")
    assert [(event["DTSTART"].dt, event["DTEND"].dt) for event in events] == list(RUN.segments)
    assert len({str(event["UID"]) for event in events}) == 2
    assert str(events[0]["SUMMARY"]).startswith("Nightly; training, “Zürich” \\ 100%\nsecond line üü")
    assert str(events[0]["DESCRIPTION"]).startswith("Run it there; it is cleaner, and cheaper.\nRun it")


@pytest.mark.parametrize("make", [kubernetes.job, kubernetes.cronjob])
def test_kubernetes_objects_keep_the_published_schema(make: Any) -> None:
    value = yaml.safe_load(make(RUN, ["sh", "-c", "echo 'a: b' # c"]))
    kubernetes_validate.validate(value, "1.31", strict=True)
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", value["metadata"]["name"])
    assert len(value["metadata"]["name"]) <= 52  # a CronJob's limit, as its jobs get a suffix
    spec = value["spec"].get("jobTemplate", {"spec": value["spec"]})["spec"]["template"]["spec"]
    assert spec["containers"][0]["command"] == ["sh", "-c", "echo 'a: b' # c"]
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert terms[0]["matchExpressions"][0]["values"] == ["north-wales-merseyside"]


def test_a_job_waits_for_its_start_and_a_cronjob_has_it() -> None:
    suspended = yaml.safe_load(kubernetes.job(RUN, ["true"]))
    assert suspended["spec"]["suspend"] is True
    assert suspended["metadata"]["annotations"]["gridwise/start"] == "2026-06-30T23:30:00+00:00"
    timed = yaml.safe_load(kubernetes.cronjob(RUN, ["true"]))
    assert (timed["spec"]["schedule"], timed["spec"]["timeZone"]) == ("30 23 30 6 *", "Etc/UTC")


def test_a_cron_line_is_in_the_machines_time_and_fires_on_that_day_only() -> None:
    line = timers.cron(RUN, ["echo", "50%", "it's"], LONDON).splitlines()[-1]
    minute, hour, day, month, weekday, command = line.split(maxsplit=5)
    assert (minute, hour, day, month, weekday) == ("30", "0", "1", "7", "*")
    as_cron_runs_it = command.replace("\\%", "%")

    def ran(today: str) -> str:
        shell = f"date() {{ echo {today}; }}; {as_cron_runs_it}"
        return subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=10).stdout

    assert ran("2026-06-30") == "50% it's\n"
    assert ran("2027-06-30") == ""


def test_an_at_line_and_a_systemd_line_are_one_shell_command_each() -> None:
    command = ["echo", "it's", "$HOME"]
    words = shlex.split(timers.at(RUN, command))
    assert words[:2] == ["echo", shlex.join(command)]
    assert words[2:] == ["|", "at", "23:30", "UTC", "30.06.2026"]
    words = shlex.split(timers.systemd(RUN, command))
    assert words[words.index("--") + 1 :] == command
    assert "--on-calendar=2026-06-30 23:30:00 UTC" in words


def test_a_slurm_header_has_begin_in_the_clusters_time_and_a_limit_that_covers_the_run() -> None:
    lines = slurm.sbatch(RUN, LONDON).splitlines()
    assert lines[0] == "#!/bin/bash"
    options = dict(line.removeprefix("#SBATCH --").split("=") for line in lines if line.startswith("#SBATCH"))
    assert options["begin"] == "2026-07-01T00:30:00"
    assert options["time"] == "0-02:30:00"
    assert re.fullmatch(r"[a-z0-9-]+", options["job-name"])


def test_github_outputs_are_one_line_each_and_say_whether_to_start_now() -> None:
    def outputs(now: datetime) -> dict[str, str]:
        return dict(line.split("=", 1) for line in github.github(RUN, now).splitlines())

    early, due = outputs(NOW), outputs(RUN.start + timedelta(minutes=1))
    assert early["clean_now"] == "false"
    assert int(early["wait_seconds"]) == (RUN.start - NOW).total_seconds()
    assert (due["clean_now"], due["wait_seconds"]) == ("true", "0")
    assert early["region"] == "North Wales & Merseyside"


def test_a_row_without_a_window_cannot_be_exported() -> None:
    with pytest.raises(NothingToExport):
        Run.of(row(recommended_time_window_start=None))


def test_a_name_without_latin_letters_still_gives_a_name() -> None:
    assert Run.of(row(workload_name="训练")).slug == "workload"
    assert json.loads(json.dumps(Run.of(row(metadata=None)).running_time.total_seconds())) == 4.5 * 3600
