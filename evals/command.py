"""`gridwise eval`: are the agents right, grounded, and cheap enough?"""

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.progress import track

from evals.cases.case import Suite
from evals.recordings.cassettes import CASSETTES, MAIN
from evals.recordings.compare import Difference, UnknownSetError, compare
from evals.report.page import page
from evals.report.report import case_record, exit_code, make_report, suite_of, verdict
from evals.report.upload import upload
from evals.runner.suites import Answers, Options, Result, cases, run
from graph.app.settings import ConfigurationError, load_settings
from graph.cli.options import AsJson
from graph.cli.output import Output

SUITES: tuple[Suite, ...] = get_args(Suite)


def evaluate(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[CASE]...", help="Only cases with this in their name.")
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Record again: Gemini with a key, else the stand-in.")
    ] = False,
    case: Annotated[list[str] | None, typer.Option("--case", help="The same as CASE; may be repeated.")] = None,
    suite: Annotated[list[str] | None, typer.Option("--suite", help="decisions, misbehaviour, …")] = None,
    set_name: Annotated[str, typer.Option("--set", help="The set of recordings to play, or to record into.")] = MAIN,
    compared: Annotated[
        tuple[str, str] | None, typer.Option("--compare", metavar="A B", help="Show what differs between two sets.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for report.json and report.html.")] = Path("eval-report"),
    as_json: AsJson = False,
) -> None:
    """Run the suites on recorded model calls. Exit code 1: a case failed; 2: a recording is stale."""
    output = Output(as_json=as_json)
    if compared is not None:
        _show_differences(*compared, output)
        return
    # what the misbehaving models of the cases make Google's libraries say; the report has it with its case
    for library in ("google_genai", "langchain_google_genai"):
        logging.getLogger(library).setLevel(logging.ERROR)
    if not record and not (CASSETTES / set_name).is_dir():
        raise ConfigurationError(_no_set(set_name))
    options = Options(
        suites=_suites(suite),
        names=(*(names or ()), *(case or ())),
        set_name=set_name,
        record=record,
        answers=_answers() if record else Answers(),
    )
    results = asyncio.run(_run(options, output))
    if not results:
        msg = f"No case is called {' or '.join(options.names)}."
        raise ConfigurationError(msg)
    report = make_report(results, set_name=set_name)
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "report.html").write_text(page(report), encoding="utf-8")
    _show(results, output)
    output.say(f"Report: {out / 'report.html'} and report.json")
    experiment = upload(results, set_name)
    if experiment:
        output.say(f"LangSmith: experiment {experiment}")
    raise typer.Exit(exit_code(results))


def _no_set(name: str) -> str:
    if not CASSETTES.is_dir():
        return (
            "Recorded model calls are not part of the installed package: run gridwise eval in a checkout of the "
            "repository, or record some first with --record."
        )
    known = ", ".join(sorted(path.name for path in CASSETTES.iterdir() if path.is_dir())) or "none"
    return f"There is no set of recordings {name!r}; there are: {known}. Record one with --record --set {name}."


def _suites(wanted: Sequence[str] | None) -> tuple[Suite, ...]:
    unknown = [name for name in wanted or () if name not in SUITES]
    if unknown:
        msg = f"There is no suite {unknown[0]!r}; there are {', '.join(SUITES)}."
        raise ConfigurationError(msg)
    return tuple(name for name in SUITES if not wanted or name in wanted)


def _answers() -> Answers:
    settings = load_settings()
    key = settings.gemini_api_key
    return Answers(
        api_key=key.get_secret_value() if key else None,
        base_url=str(settings.gemini_base_url) if settings.gemini_base_url else None,
        agent_model=settings.agent_model,
        head_model=settings.head_model,
        requests_per_minute=settings.model_rpm,
    )


async def _run(options: Options, output: Output) -> list[Result]:
    total = sum(len(cases(Options(suites=(suite,), names=options.names))) for suite in options.suites)
    done: list[Result] = []
    progress = iter(track(range(total), "Cases", console=output.messages, transient=True, disable=not output.is_live))
    async for result in run(options):
        next(progress, None)
        done.append(result)
        if output.as_json:
            output.records([case_record(result)])
    next(progress, None)
    return done


def _show(results: Sequence[Result], output: Output) -> None:
    if output.as_json:
        return
    report = make_report(results, set_name="")
    for result in results:
        if verdict(result) != "passed":
            _show_faults(result, output)
    totals = report["totals"]
    columns = ("suite", "cases", "passed", "failed", "stale", "checks", "seconds")
    rows = [[str(total[name]) for name in columns] for total in totals if total["cases"]]
    output.table("Suites", columns, rows)
    cost = report["cost"]
    if cost:
        unit = "tokens (estimated)" if report["tokens_are_estimated"] else "tokens"
        spread = ("median", "largest")
        lines = [
            [name.replace("tokens", unit).replace("_", " "), *(str(cost[name][part]) for part in spread)]
            for name in ("calls", "input_tokens", "output_tokens")
        ]
        output.table("Per placed workload", ("", *spread), lines)


def _show_faults(result: Result, output: Output) -> None:
    lines = [f"{verdict(result).upper()} {suite_of(result)}: {result.case.name}"]
    if result.stale is not None:
        lines += ["  stale cassette: " + line for line in result.stale.splitlines() if line.strip()]
    lines += [f"  {score.name}: {score.detail}" for score in result.scores if not score.passed]
    output.records([], lines=lines)


def _show_differences(before: str, after: str, output: Output) -> None:
    try:
        found = compare(before, after)
    except UnknownSetError as error:
        raise ConfigurationError(str(error)) from error
    if output.as_json:
        output.records([{"case": d.case, "changed": list(d.changed), before: d.before, after: d.after} for d in found])
        return
    rows = [_row(difference) for difference in found]
    output.table(f"{before} → {after}", ("case", "passed", "calls", "tokens in", "recommended", "also changed"), rows)
    changed = sum(bool(difference.changed) for difference in found)
    output.say(f"{len(found)} cases in both sets, {changed} of them differ.")


def _row(difference: Difference) -> list[str]:
    def both(name: str) -> str:
        one, other = difference.before.get(name), difference.after.get(name)
        return str(one) if one == other else f"{one} → {other}"

    shown = {"passed", "calls", "input_tokens", "recommended"}
    others = ", ".join(name for name in difference.changed if name not in shown)
    return [difference.case, both("passed"), both("calls"), both("input_tokens"), both("recommended"), others]
