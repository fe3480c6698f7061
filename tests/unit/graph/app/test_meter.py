"""Energy counters: read where they are, right over a wrap, silent where there are none."""

from pathlib import Path

import pytest

from graph.app.meter import Reading


def domain(folder: Path, name: str, microjoules: object) -> None:
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / "energy_uj").write_text(f"{microjoules}\n")
    (folder / name / "max_energy_range_uj").write_text("1000000000\n")


def take(folder: Path, **gpus: float) -> Reading:
    return Reading.take(folder, lambda: {f"nvml {name}": joules for name, joules in gpus.items()})


def test_packages_and_gpus_are_summed_and_their_parts_are_not_counted_twice(tmp_path: Path) -> None:
    domain(tmp_path, "intel-rapl:0", 0)
    domain(tmp_path, "intel-rapl:0:0", 0)
    before = take(tmp_path, a=100.0)
    domain(tmp_path, "intel-rapl:0", 360_000_000)
    domain(tmp_path, "intel-rapl:0:0", 300_000_000)
    assert before.kwh_until(take(tmp_path, a=3340.0)) == pytest.approx(3600 / 3.6e6)
    assert before.sources == "RAPL and NVML"


def test_a_counter_that_started_again_counts_right(tmp_path: Path) -> None:
    domain(tmp_path, "intel-rapl:0", 900_000_000)
    before = take(tmp_path)
    domain(tmp_path, "intel-rapl:0", 100_000_000)
    assert before.kwh_until(take(tmp_path)) == pytest.approx(200 / 3.6e6)


@pytest.mark.parametrize("content", ["", "not a number"])
def test_what_cannot_be_read_is_unknown_and_not_zero(tmp_path: Path, content: str) -> None:
    domain(tmp_path, "intel-rapl:0", content)
    before = take(tmp_path)
    assert before.kwh_until(take(tmp_path)) is None
    assert before.sources == ""
