"""`gridwise relax ID N`: accept one of the changes that would place a workload that failed."""

import asyncio
from typing import Annotated

import typer

from graph.app.reference import chosen_store, resolve
from graph.cli.options import AsJson, WorkloadRef
from graph.cli.output import Output
from graph.views.reading import relaxations
from graph.views.text import one_line
from persistence.ids import short_id
from persistence.workload import Row
from tools.errors import GridwiseError


class NothingToRelax(GridwiseError):  # noqa: N818  says what happened
    """The workload has no such relaxation."""


def relax(
    workload: WorkloadRef,
    number: Annotated[int, typer.Argument(metavar="N", help="Which one, as `gridwise show ID` numbers them.")],
    as_json: AsJson = False,
) -> None:
    """Loosen one limit of a workload that no placement could satisfy, and submit it again.

    Exit code 1 if it has no such relaxation.
    """
    output = Output(as_json=as_json)
    answer = asyncio.run(_relax(workload, number))
    identity = short_id(answer.get("id"))
    output.records([answer], lines=[f"{identity} is pending again: {one_line(answer.get('says'))}"])


async def _relax(reference: str, number: int) -> Row:
    async with chosen_store() as store:
        workload_id = await resolve(store, reference)
        row = await store.operations.read(workload_id) or {}
        offered = {n: is_owners for n, _, is_owners in relaxations(row)}
        if number not in offered:
            known = ", ".join(map(str, offered)) or "none"
            msg = f"{reference} has no relaxation {number}; it has {known}. `gridwise show {reference}` lists them."
            raise NothingToRelax(msg)
        if not offered[number]:
            msg = f"Relaxation {number} of {reference} is the operator's to make: the limit is the site's."
            raise NothingToRelax(msg)
        return await store.operations.relax(workload_id, number)
