"""`gridwise sbatch SCRIPT`: when a Slurm job should begin, from what its script asks for."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from graph.app.settings import load_settings
from graph.cli.options import AsJson, Within
from graph.cli.output import Output
from graph.cli.planning import answer_or_exit, within
from graph.cli.workload import WorkloadOptions, takes_workload
from graph.exports.batch_script import BatchScript, with_begin
from graph.exports.run import Run
from graph.exports.slurm import begin
from graph.views.answer import answered_row
from tools.regions import find_regions


@takes_workload
def sbatch(
    workload: WorkloadOptions,
    script: Annotated[Path, typer.Argument(help="The batch script; - reads standard input.")],
    region: Within = None,
    write: Annotated[bool, typer.Option("--write", help="Change the script itself.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the script with its --begin; other options of it are read, and those given here count instead."""
    output, now = Output(as_json=as_json), datetime.now(UTC)
    text = _read(script)
    asks = BatchScript.parse(text)
    where = region or (asks.partition if asks.partition and find_regions(asks.partition) else None)
    if where is None:
        output.say("Without --region every region counts; say where the cluster is.")
    row = _merged(workload, asks).row(asks.name or script.stem, now)
    answered = answer_or_exit(load_settings(), row, now, within(where), output)
    found = answered_row(answered.row, answered.recommendation)
    zone = datetime.now().astimezone().tzinfo or UTC
    start = begin(Run.of(found), zone)
    changed = with_begin(text, start)
    if write:
        script.write_text(changed, encoding="utf-8")
        output.say(f"{script}: --begin={start} ({zone})")
    record: dict[str, JsonValue] = {**found, "begin": start, "script": str(script)}
    output.records([record], lines=[] if write else changed.splitlines())


def _merged(workload: WorkloadOptions, asks: BatchScript) -> WorkloadOptions:
    hours = workload.hours or (None if asks.duration is None else asks.duration.total_seconds() / 3600)
    given_gpus = workload.gpus is not None or workload.gpu_mins is not None
    return replace(
        workload,
        hours=hours,
        gpus=workload.gpus if given_gpus or hours is None else asks.gpus,
        cpu_cores=workload.cpu_cores or asks.cpu_cores,
        memory_gb=workload.memory_gb or asks.memory_gb,
    )


def _read(script: Path) -> str:
    if str(script) == "-":
        return typer.get_text_stream("stdin").read()
    try:
        return script.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{script} cannot be read: {error}"
        raise typer.BadParameter(message) from None
