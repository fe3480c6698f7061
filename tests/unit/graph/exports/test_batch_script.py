"""Slurm scripts as people write them."""

from datetime import timedelta

import pytest

from graph.exports.batch_script import BatchScript, ScriptError, time_limit, with_begin


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90", timedelta(minutes=90)),
        ("90:30", timedelta(minutes=90, seconds=30)),
        ("02:00:00", timedelta(hours=2)),
        ("1-12", timedelta(hours=36)),
        ("1-12:30", timedelta(hours=36, minutes=30)),
        ("2-00:00:10", timedelta(days=2, seconds=10)),
    ],
)
def test_time_limits_in_all_of_slurms_forms(text: str, expected: timedelta) -> None:
    assert time_limit(text) == expected


@pytest.mark.parametrize("text", ["UNLIMITED", "", "2h", "1:2:3:4", "-1"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ScriptError, match="--time"):
        time_limit(text)


def test_what_a_script_asks_for() -> None:
    script = """#!/bin/bash
#SBATCH --time=1-00:00:00   # a day
#SBATCH --nodes 2
#SBATCH --gres=gpu:a100:4,tmpfs:10G -p "gpu-london"
#SBATCH -c 8 --ntasks=4 --mem=64G
#SBATCH -J 'my job'
# a comment
##SBATCH --time=1
module load cuda
#SBATCH --time=5
"""
    asks = BatchScript.parse(script)
    assert asks == BatchScript(
        name="my job", duration=timedelta(days=1), gpus=8, cpu_cores=32, memory_gb=128, partition="gpu-london"
    )


@pytest.mark.parametrize(
    ("line", "gpus"),
    [("--gres=gpu", 1), ("--gres=gpu:2", 2), ("--gpus=3", 3), ("-G a100:4", 4), ("--gres=shard:1", None), ("-G4", 4)],
)
def test_gpus(line: str, gpus: int | None) -> None:
    assert BatchScript.parse(f"#!/bin/sh\n#SBATCH {line}\n").gpus == gpus


def test_a_script_that_asks_for_nothing() -> None:
    asks = BatchScript.parse("#!/bin/bash\necho hi\n")
    assert (asks.duration, asks.gpus, asks.cpu_cores, asks.memory_gb) == (None, None, None, None)


def test_begin_is_added_once_and_nothing_else_changes() -> None:
    script = "#!/bin/bash\n# mine\n#SBATCH --time=60\n#SBATCH --begin=16:00\necho '#SBATCH --begin=now'\n"
    once = with_begin(script, "2026-03-04T12:00:00")
    assert once == (
        "#!/bin/bash\n# mine\n#SBATCH --begin=2026-03-04T12:00:00\n#SBATCH --time=60\necho '#SBATCH --begin=now'\n"
    )
    assert with_begin(once, "2026-03-04T12:00:00") == once
    assert with_begin("echo hi", "x").startswith("#SBATCH --begin=x\n")
