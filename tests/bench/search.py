"""`make bench`: how long the placement search takes, beside CATS and beside reading the same arrays once.

CATS (package climate-aware-task-scheduler) is installed into an environment of its own, `.bench/cats`. Rounds are
interleaved, medians printed; every search lays the problem out anew, as a run does.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np

from tools.market import Market, SourceNote
from tools.placement import Asset, Commitment, Job, Limits, Problem
from tools.solver.candidates import energy_candidates
from tools.solver.instance import Criterion, Instance
from tools.solver.search import best_plans, search

ROOT = Path(__file__).parents[2]
CATS = "climate-aware-task-scheduler==1.2.1"
SLOTS = 97
JOB_MINUTES = 120
ROUNDS, PER_ROUND = 15, 40
START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def market(regions: int) -> Market:
    """Plausible figures: a daily wave per region, integers as NESO gives them."""
    rng = np.random.default_rng(0)
    wave = 60 * np.sin(np.arange(SLOTS) / 48 * 2 * np.pi)
    level = rng.uniform(0, 250, (regions, 1))
    intensity = np.clip(np.round(level + wave + rng.normal(0, 15, (regions, SLOTS))), 0, None)
    price = np.round(0.2 + 0.05 * wave / 60 + rng.normal(0, 0.02, (regions, SLOTS)), 4)
    note = SourceNote(name="bench", mode="live", fetched_at=START, age_seconds=0.0, coverage=1.0)
    return Market.pack(
        start=START,
        regions=tuple(range(1, regions + 1)),
        intensity=intensity,
        renewable=np.full((regions, SLOTS), 40.0),
        low_carbon=np.full((regions, SLOTS), 60.0),
        price=price,
        price_estimated=np.zeros((regions, SLOTS), np.bool_),
        carbon=note,
        price_note=note,
    )


def problem(regions: int, *, pausable: bool, minute: int = 13, **limits: float) -> Problem:
    now = START + timedelta(minutes=minute)
    return Problem(
        now=now,
        job=Job(energy_kwh=10, duration_minutes=JOB_MINUTES, power_kw=5, pausable=pausable),
        limits=Limits(earliest_start=now, **limits),
        assets=tuple(Asset(asset_id=None, name=f"site {i}", region=i, pue=1.2) for i in range(1, regions + 1)),
        carbon_price_gbp_per_tonne=300,
    )


def medians(tasks: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Milliseconds per call, the tasks taking turns."""
    for task in tasks.values():
        task()
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            began = time.perf_counter()
            for _ in range(PER_ROUND):
                task()
            taken[name].append((time.perf_counter() - began) / PER_ROUND * 1e3)
    return {name: float(np.median(times)) for name, times in taken.items()}


def cats_median_ms(forecast: Path) -> float | None:
    """None, with the reason on standard error, where CATS cannot be installed or its forecast is not there."""
    if not forecast.is_file():
        print(f"CATS is left out: no forecast at {forecast}", file=sys.stderr)
        return None
    python = ROOT / ".bench" / "cats" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        done = subprocess.run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", CATS])
        if done.returncode:
            print("CATS is left out: its package cannot be installed here", file=sys.stderr)
            return None
    script = Path(__file__).with_name("cats_search.py")
    arguments = [str(python), str(script), str(forecast), str(JOB_MINUTES), "400"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout)["median_ms"])


def main(shared_data: Path) -> None:
    country, one = market(14), market(1)
    plain, pausing = problem(14, pausable=False), problem(14, pausable=True)
    capped = problem(14, pausable=True, max_intensity_g_per_kwh=120.0)
    lossy = pausing.model_copy(update={"job": pausing.job.model_copy(update={"resume_overhead_minutes": 5})})
    promised = lossy.model_copy(
        update={
            "assets": tuple(
                asset.model_copy(update={"asset_id": UUID(int=i), "rated_power_kw": 6.0})
                for i, asset in enumerate(lossy.assets, start=1)
            ),
            "commitments": tuple(
                Commitment(
                    asset_id=UUID(int=i),
                    start=START + timedelta(minutes=97 * i),
                    end=START + timedelta(minutes=97 * i + 55),
                    power_kw=4.0,
                )
                for i in range(1, 15)
            ),
        }
    )
    single = problem(1, pausable=False)
    arrays = np.stack([country.intensity, country.renewable, country.price_gbp_per_kwh])

    def plans(p: Problem, m: Market) -> object:
        return best_plans(Instance.of(p, m), (Criterion.BEST,))

    found = medians(
        {
            "read the arrays once (NumPy sum)": lambda: arrays.sum(),
            "prefix sums alone": lambda: np.cumsum(arrays, axis=2),
            "14 regions, contiguous: plans": lambda: plans(plain, country),
            "14 regions, with pauses: plans": lambda: plans(pausing, country),
            "14 regions, contiguous: options": lambda: search(plain.model_copy(), country),
            "14 regions, with pauses: options": lambda: search(pausing.model_copy(), country),
            "14 regions, with pauses, capped: options": lambda: search(capped.model_copy(), country),
            "14 regions, with pauses that cost 5 min: options": lambda: search(lossy.model_copy(), country),
            "the same, each site promised to others off the half-hour: options": lambda: search(
                promised.model_copy(), country
            ),
            "one region, contiguous: plans": lambda: plans(single, one),
            "canonical energy list (four criteria)": lambda: energy_candidates(plain.model_copy(), country),
        }
    )
    cats = cats_median_ms(shared_data / "peers" / "cats_carbon_intensity_24h.csv")
    again = cats_median_ms(shared_data / "peers" / "cats_carbon_intensity_24h.csv") if cats is not None else None
    print("| search, 97 slots, 2 h job, now mid-slot | ms (median) | × reading once |")
    print("|---|---|---|")
    read = found["read the arrays once (NumPy sum)"]
    for name, ms in found.items():
        print(f"| {name} | {ms:.3f} | {ms / read:.0f} |")
    if cats is not None and again is not None:
        cats = min(cats, again)
        per_region = found["14 regions, contiguous: plans"] / 14
        print(f"| CATS 1.2.1, one region (96 slots) | {cats:.3f} | {cats / read:.0f} |")
        print(f"\nPer region searched, ours takes {per_region:.4f} ms: {cats / per_region:.0f} times less than CATS.")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "tests" / "data")
