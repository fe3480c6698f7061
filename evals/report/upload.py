"""Results as a LangSmith experiment. Without a key nobody is contacted: the client is not even made."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from langsmith import Client, aevaluate
from langsmith.schemas import Example, Run
from langsmith.utils import LangSmithNotFoundError, get_env_var

from evals.report.report import suite_of
from evals.runner.suites import Result, in_brief

DATASET = "gridwise evals"


def upload(results: Sequence[Result], set_name: str) -> str | None:
    """Name of the experiment; None where LangSmith's own environment variables hold no key."""
    if not get_env_var("API_KEY"):
        return None
    client = Client()
    by_id = {str(_example_id(result)): result for result in results}
    with redirect_stdout(sys.stderr):  # langsmith prints an address, and standard output is the command's answer
        _fill_dataset(client, by_id)
        experiment = asyncio.run(_experiment(client, by_id, set_name))
    client.flush()
    return experiment  # feedback is still on its way, in threads that the process waits for


def _fill_dataset(client: Client, results: dict[str, Result]) -> None:
    """Cases that the dataset lacks are added; an example's id is its case's."""
    try:
        dataset = client.read_dataset(dataset_name=DATASET)
    except LangSmithNotFoundError:
        dataset = client.create_dataset(DATASET, description="Workloads that gridwise must decide rightly.")
    known = {str(example.id) for example in client.list_examples(dataset_id=dataset.id)}
    missing = [
        {
            "id": example_id,
            "inputs": {"suite": suite_of(result), "case": result.case.name, "row": dict(result.case.row)},
            "reference_outputs": {"about": result.case.about},
        }
        for example_id, result in results.items()
        if example_id not in known
    ]
    if missing:
        client.create_examples(dataset_id=dataset.id, examples=missing)


async def _experiment(client: Client, results: dict[str, Result], set_name: str) -> str:
    by_name = {(suite_of(result), result.case.name): result for result in results.values()}

    async def target(inputs: dict[str, Any]) -> dict[str, Any]:
        return dict(in_brief(by_name[inputs["suite"], inputs["case"]]))

    def scored(_run: Run, example: Example | None) -> dict[str, Any]:
        result = results[str(example.id)] if example else None
        scores = result.scores if result else ()
        return {"results": [{"key": s.name, "score": float(s.passed), "comment": s.detail} for s in scores]}

    chosen = list(client.list_examples(dataset_name=DATASET, example_ids=list(results)))
    done = await aevaluate(
        target, data=chosen, evaluators=[scored], experiment_prefix=f"gridwise {set_name}", client=client
    )
    return done.experiment_name


def _example_id(result: Result) -> Any:  # noqa: ANN401  a UUID, which langsmith takes as text or as such
    return uuid5(NAMESPACE_URL, f"gridwise/evals/{suite_of(result)}/{result.case.name}")
