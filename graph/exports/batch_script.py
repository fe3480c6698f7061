"""What a Slurm batch script asks for, and the same script with a begin."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from tools.errors import GridwiseError

_DIRECTIVE: Final = re.compile(r"\s*#SBATCH\s+(?P<options>.*)")
_SHORT: Final = {
    "-t": "--time",
    "-p": "--partition",
    "-J": "--job-name",
    "-c": "--cpus-per-task",
    "-n": "--ntasks",
    "-N": "--nodes",
    "-G": "--gpus",
    "-b": "--begin",
}
_GPUS: Final = re.compile(r"(?:^|,)(?:gres[/:])?gpu(?::[^\d:,=][^:,=]*)?(?:[:=](?P<count>\d+))?(?=,|$)")
_MEMORY: Final = re.compile(r"(?P<number>\d+)(?P<unit>[KMGT]?)B?", re.IGNORECASE)
_GB: Final = {"K": 1 / 1048576, "": 1 / 1024, "M": 1 / 1024, "G": 1.0, "T": 1024.0}


class ScriptError(GridwiseError):
    """The script asks for something that cannot be read."""


@dataclass(frozen=True, kw_only=True)
class BatchScript:
    """What its `#SBATCH` lines ask for; None where they do not say."""

    name: str | None
    duration: timedelta | None
    gpus: int | None
    cpu_cores: int | None
    memory_gb: int | None
    partition: str | None

    @classmethod
    def parse(cls, text: str) -> "BatchScript":
        """Raises `ScriptError`."""
        options = dict(_options(text))
        nodes, tasks = (_count(options.get(name), name) or 1 for name in ("--nodes", "--ntasks"))
        cores = _count(options.get("--cpus-per-task"), "--cpus-per-task")
        per_node = _gpus(options.get("--gres")) or _gpus_of(options.get("--gpus-per-node"))
        gpus = _gpus_of(options.get("--gpus")) or (None if per_node is None else per_node * nodes)
        asks_cores = cores is not None or "--ntasks" in options
        memory = _memory_gb(options.get("--mem"))
        return cls(
            name=options.get("--job-name"),
            duration=None if "--time" not in options else time_limit(options["--time"]),
            gpus=gpus,
            cpu_cores=(cores or 1) * max(tasks, nodes) if asks_cores else None,
            memory_gb=None if memory is None else max(1, round(memory * nodes)),
            partition=options.get("--partition"),
        )


def with_begin(text: str, begin: str) -> str:
    """The script with its `--begin` set, in place of one that it has, else before the first directive."""
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not re.match(r"\s*#SBATCH\s+(--begin|-b)\b", line)]
    at = next((i for i, line in enumerate(kept) if _DIRECTIVE.match(line)), 1 if kept and kept[0][:2] == "#!" else 0)
    return "".join([*kept[:at], f"#SBATCH --begin={begin}\n", *kept[at:]])


def time_limit(text: str) -> timedelta:
    """Slurm's forms: minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]]."""
    match = re.fullmatch(r"(?:(?P<days>\d+)-)?(?P<rest>\d+(?::\d+){0,2})", text.strip())
    if match is None:
        msg = f"--time={text}: not a limited time; write it as minutes, hours:minutes:seconds or days-hours"
        raise ScriptError(msg)
    parts = [int(part) for part in match["rest"].split(":")]
    if match["days"] is not None:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
        return timedelta(days=int(match["days"]), hours=hours, minutes=minutes, seconds=seconds)
    if len(parts) == 3:
        return timedelta(hours=parts[0], minutes=parts[1], seconds=parts[2])
    return timedelta(minutes=parts[0], seconds=parts[1] if len(parts) == 2 else 0)


def _options(text: str) -> Iterator[tuple[str, str]]:
    """Of the lines before the first command, as `sbatch` reads them; the last of a name counts."""
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            return
        if match := _DIRECTIVE.match(line):
            words = shlex.split(match["options"], comments=True)
            yield from _pairs(words)


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        name, has_value, value = word.partition("=")
        if not name.startswith("--") and name[:2] in _SHORT:
            yield _SHORT[name[:2]], word[2:] or next(rest, "")
        elif name.startswith("--"):
            yield name, value if has_value else next(rest, "")


def _count(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    match = re.match(r"\d+", text)
    if match is None:
        msg = f"{name}={text}: not a number"
        raise ScriptError(msg)
    return int(match[0])


def _gpus(gres: str | None) -> int | None:
    """Of `gpu:2`, `gpu:a100:4`, `gpu` (one), beside other resources."""
    found = [int(match["count"] or 1) for match in _GPUS.finditer(gres or "")]
    return sum(found) if found else None


def _gpus_of(text: str | None) -> int | None:
    """Of `4` or `a100:4`, several joined by a comma."""
    numbers = [int(part.rsplit(":", 1)[-1]) for part in (text or "").split(",") if part.rsplit(":", 1)[-1].isdigit()]
    return sum(numbers) if numbers else None


def _memory_gb(text: str | None) -> float | None:
    match = _MEMORY.fullmatch(text or "")
    return int(match["number"]) * _GB[match["unit"].upper()] if match else None
