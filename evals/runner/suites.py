"""Run suites: play or record each case, score it, and say what is stale."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import get_args

from pydantic import JsonValue

from agents.model.clients import AGENT_MODEL, FIRST_RETRY_SECONDS, HEAD_MODEL, Models
from evals.cases.case import Case, Suite
from evals.cases.decisions import DECISIONS
from evals.cases.misbehaviour import MISBEHAVIOUR
from evals.cases.reading import PARAPHRASED, READING
from evals.cases.selection import SELECTION
from evals.recordings.cassettes import CASSETTES, MAIN, Answerer, CassetteFile, Recorded, StaleCassetteError
from evals.recordings.lines import prune
from evals.runner.execute import Outcome, run_case
from evals.runner.reading import judged
from evals.runner.resume import resume_case
from evals.runner.score import Score
from evals.runner.scores import score
from evals.standin.script import always_honest
from evals.standin.server import StandIn
from persistence.workload import Recommendation
from tools.toolkit.summary import stamp


@dataclass(frozen=True)
class Answers:
    """Whom to ask when recording: Gemini where a key is given, else the stand-in."""

    api_key: str | None = None
    base_url: str | None = None
    agent_model: str = AGENT_MODEL
    head_model: str = HEAD_MODEL
    requests_per_minute: float | None = None

    @property
    def by(self) -> Answerer:
        return "gemini" if self.api_key else "stand-in"


@dataclass(frozen=True)
class Options:
    """What to run, and how."""

    suites: tuple[Suite, ...] = get_args(Suite)
    names: tuple[str, ...] = ()
    """Only cases with one of these in their name."""
    set_name: str = MAIN
    record: bool = False
    answers: Answers = field(default_factory=Answers)
    root: Path = CASSETTES


@dataclass(frozen=True)
class Result:
    """One case, judged."""

    case: Case
    scores: tuple[Score, ...]
    recorded: Recorded | None
    stale: str | None = None
    """Why the cassette does not fit any more."""
    asked: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    recommendation: Recommendation | None = None
    error: str | None = None

    @property
    def passed(self) -> bool:
        return self.stale is None and all(found.passed for found in self.scores)


def cases(options: Options) -> list[Case]:
    """The selected cases, in the suites' order."""
    every: dict[Suite, Sequence[Case]] = {
        "decisions": DECISIONS,
        "selection": SELECTION,
        "misbehaviour": MISBEHAVIOUR,
        "reading": READING,
        "paraphrases": PARAPHRASED,
        "resume": resumed_cases(),
    }
    found = [case for suite in options.suites for case in every.get(suite, ())]
    if not options.names:
        return found
    return [case for case in found if any(name.lower() in case.name.lower() for name in options.names)]


def resumed_cases() -> list[Case]:
    """Those of the decisions that the resume suite cuts everywhere; they share the decisions' cassettes."""
    return [case for case in DECISIONS if case.name in {"medium urgency", "everything in words"}]


async def run(options: Options) -> AsyncIterator[Result]:
    """Every selected case, judged; one after the other, since a cassette patches the client."""
    async with _gemini(options.answers, "recorded", None) as models:
        for suite in options.suites:
            for case in cases(replace(options, suites=(suite,))):
                if suite == "resume":
                    yield await _resume(case, models, options)
                elif suite in {"reading", "paraphrases"}:
                    yield _judge(case)
                elif options.record:
                    yield await _record(case, options)
                else:
                    yield await _play(case, models, options)
    if options.record:
        prune(options.root / options.set_name)


def _judge(case: Case) -> Result:
    """Nobody is asked: there is nothing to record."""
    begun = time.perf_counter()
    scores = judged(case)
    return Result(case, scores, None, seconds=time.perf_counter() - begun)


async def _play(case: Case, models: Models, options: Options) -> Result:
    file = CassetteFile(case, options.set_name, options.root)
    recorded = file.recorded()
    try:
        with file.play() as cassette:
            outcome = await run_case(case, models)
        unplayed = len(cassette) - cassette.play_count
    except StaleCassetteError as error:
        return Result(case, (), recorded, stale=str(error))
    played = Score("all played", unplayed == 0, f"{unplayed} recorded calls were not made" if unplayed else "")
    return _result(case, outcome, recorded, (*score(case, outcome), played))


async def _record(case: Case, options: Options) -> Result:
    file = CassetteFile(case, options.set_name, options.root)
    by: Answerer = options.answers.by if case.script is always_honest else "stand-in"
    with _answering(case, by, options.answers) as (key, base_url), file.record():
        async with _gemini(options.answers, key, base_url) as models:
            outcome = await run_case(case, models)
    scores = score(case, outcome)
    recorded = Recorded(
        by=by,
        on=date.today().isoformat(),  # noqa: DTZ011  a label, in the recorder's own calendar
        models=(options.answers.agent_model, options.answers.head_model),
        tokens_are_estimated=by == "stand-in",
    )
    result = _result(case, outcome, recorded, scores)
    labelled = recorded.model_copy(update={"result": in_brief(result)})
    if file.path.exists():
        file.label(labelled)
    return result


async def live(case: Case) -> Result:
    """Judged on the stand-in's answers as they come, without a recording."""
    answers = Answers()
    with _answering(case, "stand-in", answers) as (key, base_url):
        async with _gemini(answers, key, base_url) as models:
            outcome = await run_case(case, models)
    return _result(case, outcome, None, score(case, outcome))


async def _resume(case: Case, models: Models, options: Options) -> Result:
    file = CassetteFile(case, options.set_name, options.root)
    begun = time.perf_counter()
    try:
        scores = await resume_case(case, models, file)
    except StaleCassetteError as error:
        return Result(case, (), file.recorded(), stale=str(error))
    return Result(case, scores, file.recorded(), seconds=time.perf_counter() - begun)


def in_brief(result: Result) -> dict[str, JsonValue]:
    """What a report and a comparison of two sets need."""
    found = result.recommendation
    return {
        "passed": result.passed,
        "failed_scores": [score.name for score in result.scores if not score.passed],
        "calls": result.asked,
        "input_tokens": result.input_tokens,
        "output_tokens": result.output_tokens,
        "recommended": None if found is None else f"{found.options[0].region}, {stamp(found.options[0].start)}",
        "summary": None if found is None else found.decision_summary,
        "error": result.error,
        "regret_gbp": next((score.value for score in result.scores if score.name == "regret"), None),
    }


def _result(case: Case, outcome: Outcome, recorded: Recorded | None, scores: tuple[Score, ...]) -> Result:
    return Result(
        case,
        scores,
        recorded,
        asked=outcome.asked,
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
        seconds=outcome.seconds,
        recommendation=outcome.state.get("recommendation"),
        error=None if outcome.error is None else str(outcome.error),
    )


@contextmanager
def _answering(case: Case, by: Answerer, answers: Answers) -> Iterator[tuple[str, str | None]]:
    if by == "gemini":
        yield answers.api_key or "", answers.base_url
        return
    with StandIn(case.script) as server:
        yield "stand-in", server.base_url


@asynccontextmanager
async def _gemini(answers: Answers, key: str, base_url: str | None) -> AsyncIterator[Models]:
    is_real = bool(key) and key == answers.api_key
    models = Models.gemini(
        api_key=key,
        base_url=base_url,
        agent_model=answers.agent_model,
        head_model=answers.head_model,
        requests_per_minute=answers.requests_per_minute if is_real else None,
        first_retry_seconds=FIRST_RETRY_SECONDS if is_real else 0.0,
    )
    async with aclosing(models):
        yield models
