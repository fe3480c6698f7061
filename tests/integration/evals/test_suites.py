"""Every case of every suite, from its recording, with the network cut."""

import json
from dataclasses import replace

import pytest
from langsmith import testing

from agents.model.errors import ModelError
from evals.cases.case import Case, Suite
from evals.cases.decisions import DECISIONS
from evals.cases.misbehaviour import MISBEHAVIOUR
from evals.cases.selection import SELECTION
from evals.recordings.cassettes import CASSETTES, CassetteFile
from evals.recordings.lines import SHARED
from evals.runner.suites import Options, Result, cases, run
from graph import build

pytestmark = [pytest.mark.anyio, pytest.mark.langsmith]


async def play(case: Case, suite: Suite) -> Result:
    options = Options(suites=(suite,), names=(case.name,))
    results = [result async for result in run(options) if result.case == case]
    assert len(results) == 1
    return results[0]


def explained(result: Result) -> str:
    faults = [f"{score.name}: {score.detail}" for score in result.scores if not score.passed]
    return result.stale or "\n".join(faults)


async def check(case: Case, suite: Suite) -> None:
    testing.log_inputs({"suite": suite, "case": case.name, "row": case.row})
    result = await play(case, suite)
    testing.log_outputs({"error": result.error, "calls": result.asked, "input_tokens": result.input_tokens})
    for score in result.scores:
        testing.log_feedback(key=score.name, score=score.passed)
    assert result.passed, explained(result)


@pytest.mark.parametrize("case", DECISIONS, ids=lambda case: case.name)
async def test_decisions(case: Case, no_network: list[object]) -> None:
    await check(case, "decisions")


@pytest.mark.parametrize("case", SELECTION, ids=lambda case: case.name)
async def test_selection(case: Case, no_network: list[object]) -> None:
    await check(case, "selection")


@pytest.mark.parametrize("case", MISBEHAVIOUR, ids=lambda case: case.name)
async def test_misbehaviour(case: Case, no_network: list[object]) -> None:
    await check(case, "misbehaviour")


@pytest.mark.parametrize("case", cases(Options(suites=("resume",))), ids=lambda case: case.name)
async def test_resume(case: Case, no_network: list[object]) -> None:
    await check(case, "resume")


def test_the_suites_are_as_large_as_they_have_to_be() -> None:
    injections = [case for case in MISBEHAVIOUR if case.name.startswith("injection: ")]
    assert len(DECISIONS) >= 40
    assert len(MISBEHAVIOUR) >= 25
    assert len(injections) >= 15
    every = [case.name for case in (*DECISIONS, *MISBEHAVIOUR)]
    assert len(every) == len(set(every))


async def test_tokens_do_not_grow_with_the_horizon(no_network: list[object]) -> None:
    options = Options(suites=("decisions",), names=("h horizon",))
    tokens = [result.input_tokens async for result in run(options)]
    assert len(tokens) == 3
    assert max(tokens) <= 1.05 * min(tokens)


async def test_a_changed_prompt_makes_its_cases_stale(
    monkeypatch: pytest.MonkeyPatch, no_network: list[object]
) -> None:
    monkeypatch.setattr(build, "HEAD", replace(build.HEAD, prompt=build.HEAD.prompt + "\nBe brief."))
    results = [result async for result in run(Options(suites=("decisions", "resume"), names=("medium urgency",)))]
    assert [result.passed for result in results] == [False, False]
    for result in results:
        assert result.stale is not None
        assert "systemInstruction" in result.stale
        assert "Be brief." in result.stale


async def test_a_call_that_is_no_longer_made_fails_the_case(
    monkeypatch: pytest.MonkeyPatch, no_network: list[object]
) -> None:
    """An unplayed interaction is a change too."""

    async def gives_up(*_arguments: object) -> None:
        msg = "no"
        raise ModelError(msg, kind="empty")

    monkeypatch.setattr("agents.model.loop.ask", gives_up)
    [result] = [result async for result in run(Options(suites=("decisions",), names=("medium urgency",)))]
    assert "all played" in {score.name for score in result.scores if not score.passed}


async def test_every_cassette_belongs_to_a_case_and_holds_no_key() -> None:
    expected = {CassetteFile(case).path for case in (*DECISIONS, *SELECTION, *MISBEHAVIOUR)}
    present = set((CASSETTES / "main").rglob("*.jsonl")) - {CASSETTES / "main" / SHARED}
    assert present <= expected
    for path in present:
        header, *interactions = path.read_text(encoding="utf-8").splitlines()
        assert "x-goog-api-key" not in "".join(interactions).lower()
        assert json.loads(header)["recorded"]["by"] in ("gemini", "stand-in")


def test_recordings_are_readable_lines_and_few() -> None:
    files = list(CASSETTES.rglob("*.jsonl"))
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) <= 2_000
    assert sum(path.stat().st_size for path in files) <= 4_000_000
    for line in lines[::40]:
        assert line == json.dumps(json.loads(line), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def test_cases_are_values() -> None:
    assert replace(DECISIONS[0]) == DECISIONS[0]
