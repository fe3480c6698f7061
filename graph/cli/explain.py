"""`gridwise explain ID`: why a workload was placed where it was."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from graph.app.database import open_database, store_at
from graph.app.reference import NotFound, chosen_settings, resolve
from graph.cli.options import AsJson, Demo, WorkloadRef
from graph.cli.output import Output
from graph.views.decision import Explanation, Judged, explain
from graph.views.decision_page import COLUMNS, cells, explain_page
from graph.views.rows import describe
from tools.toolkit.summary import option_summary


def explain_workload(
    workload: WorkloadRef,
    html: Annotated[Path | None, typer.Option(help="Write a self-contained page with charts to this file.")] = None,
    demo: Demo = False,
    as_json: AsJson = False,
) -> None:
    """Show what a recommendation was chosen from: options, savings, limits, sources. Exit code 1 if there is no such
    workload."""
    output = Output(as_json=as_json)
    explained = asyncio.run(_explain(workload, demo=demo))
    output.records([_record(explained)], lines=describe(explained.row))
    if not as_json and explained.options:
        output.table("Options", COLUMNS, [cells(judged) for judged in explained.options])
    if html is not None:
        html.write_text(explain_page(explained), encoding="utf-8")
        output.say(f"Wrote {html}.")


async def _explain(reference: str, *, demo: bool) -> Explanation:
    async with (
        chosen_settings(demo=demo) as settings,
        open_database(settings) as url,
        store_at(settings, url) as store,
    ):
        found = await explain(store, url, await resolve(store, reference))
    if found is None:
        msg = f"There is no workload {reference}. See `gridwise list`."
        raise NotFound(msg)
    return found


def _record(explained: Explanation) -> dict[str, JsonValue]:
    market, problem = explained.market, explained.problem
    return {
        "id": str(explained.row.get("id")),
        "status": str(explained.row.get("status")),
        "running_now": None if explained.now is None else option_summary(explained.now),
        "options": [_judged(judged) for judged in explained.options],
        "limits": None if problem is None else problem.limits.model_dump(mode="json"),
        "carbon": None if market is None else market.carbon.model_dump(mode="json"),
        "price": None if market is None else market.price.model_dump(mode="json"),
    }


def _judged(judged: Judged) -> JsonValue:
    saved = None if judged.savings is None else judged.savings.model_dump(mode="json")
    confidence = None if judged.confidence is None else round(judged.confidence, 4)
    return {**option_summary(judged.option), "rank": judged.rank, "savings": saved, "confidence": confidence}
