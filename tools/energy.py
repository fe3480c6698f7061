"""How much energy a run takes, for how long and at what power, when the user does not say.

Model: power = Σ (GPUs × W per GPU + cores × W per core + memory × W per GB), energy = power × hours × PUE, with the
GPUs and the PUE of the site. Every energy stated is the data centre's, PUE included; so is a figure of the user's
own, which always wins; one that is more than three times off the model's is flagged, never replaced.
Coefficients: `tools/data/energy_coefficients.csv`, each with its source.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from math import ceil, isfinite

from tools.errors import GridwiseError
from tools.placement import Asset, Job, Problem, Value

FLAG_RATIO = 3.0
"""The two common models differ by about 28 % on one job; three times is beyond any disagreement between models."""
LONGEST_HOURS = 24 * 366
DEFAULT_HOURS: dict[str, float] = {
    "TRAINING_RUN": 8.0,
    "FINE_TUNING": 4.0,
    "INFERENCE_BATCH": 2.0,
    "DATA_PROCESSING": 2.0,
    "RAG_QUERY": 0.5,
}
"""Assumed when nothing in the row tells the duration; always stated as an assumption."""
OTHER_HOURS = 1.0
DEFAULT_CORES = 8
DEFAULT_MEMORY_GB = 32
ANY_GPU = "any"
LEAST_NAME = 4
"""Letters of a GPU's name that can hardly mean anything else: A100, but not L4."""
DEFAULT_GPUS = 1
"""Of a run whose GPU minutes are known but whose duration is not."""


class EnergyError(GridwiseError):
    """A figure that no run can have."""


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Watts and kilograms per unit of hardware; keys of `gpu_w` are the names that asset descriptions use."""

    gpu_w: dict[str, float]
    core_w: float
    memory_w_per_gb: float
    core_w_half_load: float
    """Per physical core (two vCPUs) at half load, by the other common model; shown as the lower estimate."""
    reference_pue: float
    embodied_kg_gpu: float
    embodied_kg_core: float
    embodied_kg_memory_gb: float
    lifetime_hours: float


class EnergyEstimate(Value):
    """What a run takes at a site with the reference PUE."""

    energy_kwh: float
    duration_minutes: int
    power_kw: float
    model_energy_kwh: float
    """The model's own figure, with the reference PUE, whether or not it was used."""
    low_model_energy_kwh: float
    """The same with cores at half load."""
    energy_is_stated: bool
    gpus: float
    """Mean number of GPUs in use."""
    gpu_hours: float
    gpu_model: str
    it_kwh_without_gpus: float
    """Of cores and memory, before PUE."""
    reference_pue: float
    embodied_g: float
    """Share of the hardware's manufacture that falls on this run (SCI: embodied × time / lifetime)."""
    assumptions: tuple[str, ...] = ()

    def job(self, *, pausable: bool = False, min_run_minutes: int = 30, resume_overhead_minutes: int = 0) -> Job:
        """The job of a placement problem."""
        return Job(
            energy_kwh=self.energy_kwh,
            reference_pue=self.reference_pue,
            duration_minutes=self.duration_minutes,
            power_kw=self.power_kw,
            pausable=pausable,
            min_run_minutes=min_run_minutes,
            resume_overhead_minutes=resume_overhead_minutes,
            energy_is_stated=self.energy_is_stated,
            it_kwh_without_gpus=None if self.energy_is_stated else self.it_kwh_without_gpus,
            gpu_hours=self.gpu_hours,
            gpu_model=self.gpu_model,
            assumptions=self.assumptions,
        )


@cache
def coefficients() -> Coefficients:
    """The table in `tools/data/energy_coefficients.csv`."""
    text = files("tools").joinpath("data/energy_coefficients.csv").read_text(encoding="utf-8")
    rows = {(row["kind"], row["name"]): float(row["value"]) for row in csv.DictReader(text.splitlines())}
    return Coefficients(
        gpu_w={name.lower(): value for (kind, name), value in rows.items() if kind == "gpu_w"},
        core_w=rows["cpu_w", "per core"],
        core_w_half_load=rows["cpu_w", "per core at half load"],
        memory_w_per_gb=rows["memory_w", "per GB"],
        reference_pue=rows["pue", "unknown site"],
        embodied_kg_gpu=rows["embodied_kg", "per GPU"],
        embodied_kg_core=rows["embodied_kg", "per core"],
        embodied_kg_memory_gb=rows["embodied_kg", "per GB"],
        lifetime_hours=rows["lifetime_h", "server"],
    )


@lru_cache(maxsize=1024)
def gpu_model(hardware: str) -> str:
    """The GPU of the table that a hardware description names, most exactly; of several, the one that draws most."""
    table = coefficients().gpu_w
    tokens = [token for word in re.findall(r"[a-z0-9]+", hardware.lower()) for token in _spellings(word)]
    named = [name for name in table if name != ANY_GPU and all(_names(part, tokens) for part in name.split())]
    exact = [name for name in named if not any(set(name.split()) < set(other.split()) for other in named)]
    return max(exact, key=lambda name: (table[name], name), default="")


def gpu_model_in_text(text: str) -> str:
    """The one GPU of the table that a request names; short names such as L4 only where it speaks of GPUs."""
    about_gpus = re.search(r"\b(gpus?|tpus?|nvidia|tesla|graphics|accelerators?)\b", text, re.IGNORECASE)
    parts = [re.findall(r"\w+", part) for part in re.split(r"[,;.]|\band\b|\bor\b", text)]
    named = {gpu_model(" ".join(word for word in words if about_gpus or len(word) >= LEAST_NAME)) for words in parts}
    named.discard("")
    return named.pop() if len(named) == 1 else ""


def gpu_watts(hardware: str) -> float:
    """Board power of the GPU that a hardware description names, else of any GPU."""
    return coefficients().gpu_w[gpu_model(hardware) or ANY_GPU]


def _spellings(word: str) -> tuple[str, ...]:
    """`8xa100` and `a100s` are A100s too."""
    bare = re.sub(r"^\d+x(?=[a-z])", "", word)
    known = {part for name in coefficients().gpu_w for part in name.split()}
    return (bare, bare.removesuffix("s")) if bare not in known else (bare,)


def _names(part: str, tokens: Sequence[str]) -> bool:
    """`sxm` names SXM4 and SXM5."""
    return any(token == part or (part == "sxm" and token.startswith(part)) for token in tokens)


def estimate(
    *,
    workload_type: str = "OTHER",
    gpu_minutes: float | None = None,
    cpu_cores: int | None = None,
    memory_gb: float | None = None,
    duration_hours: float | None = None,
    energy_kwh: float | None = None,
    hardware: str = "",
) -> EnergyEstimate:
    """Energy, duration and power of a run. None means unknown; raises `EnergyError` for impossible figures.

    Duration: as given, else GPU minutes on one GPU, else energy / power, else the workload type's usual one. Whatever
    is not given is listed in `assumptions`.
    """
    _check(
        gpu_minutes=gpu_minutes,
        cpu_cores=cpu_cores,
        memory_gb=memory_gb,
        duration_hours=duration_hours,
        energy_kwh=energy_kwh,
    )
    table, notes = coefficients(), list[str]()
    if not gpu_minutes and not cpu_cores:
        cpu_cores, memory_gb = DEFAULT_CORES, memory_gb or DEFAULT_MEMORY_GB
        notes.append(f"No hardware was given: {cpu_cores} cores and {memory_gb:g} GB are assumed.")
    core_count, memory = cpu_cores or 0, memory_gb or 0.0
    base_w = core_count * table.core_w + memory * table.memory_w_per_gb
    hours = _hours(workload_type, gpu_minutes, duration_hours, energy_kwh, base_w / 1000 * table.reference_pue, notes)
    minutes = max(1, ceil(hours * 60 - 1e-9))
    gpu_hours = (gpu_minutes or 0.0) / 60
    gpus = gpu_hours / hours
    gpu_kwh = gpu_hours * gpu_watts(hardware) / 1000
    it_kwh = base_w * hours / 1000
    model_kwh = (it_kwh + gpu_kwh) * table.reference_pue
    low_w = core_count * table.core_w_half_load + memory * table.memory_w_per_gb
    if energy_kwh and not 1 / FLAG_RATIO <= energy_kwh / model_kwh <= FLAG_RATIO:
        notes.append(
            f"The stated {energy_kwh:g} kWh is {energy_kwh / model_kwh:.2g} times the model's {model_kwh:.3g} kWh; "
            "the stated figure is used."
        )
    used = energy_kwh or model_kwh
    per_hour_kg = gpus * table.embodied_kg_gpu + core_count * table.embodied_kg_core
    per_hour_kg += memory * table.embodied_kg_memory_gb
    return EnergyEstimate(
        energy_kwh=used,
        duration_minutes=minutes,
        power_kw=used / (minutes / 60),
        model_energy_kwh=model_kwh,
        low_model_energy_kwh=(low_w * hours / 1000 + gpu_kwh) * table.reference_pue,
        energy_is_stated=bool(energy_kwh),
        gpus=gpus,
        gpu_hours=gpu_hours,
        gpu_model=gpu_model(hardware),
        it_kwh_without_gpus=it_kwh,
        reference_pue=table.reference_pue,
        embodied_g=1000 * per_hour_kg * hours / table.lifetime_hours,
        assumptions=tuple(notes),
    )


def _hours(
    workload_type: str,
    gpu_minutes: float | None,
    duration_hours: float | None,
    energy_kwh: float | None,
    base_kw: float,
    notes: list[str],
) -> float:
    if duration_hours:
        return duration_hours
    if gpu_minutes:
        notes.append(f"No duration was given: {gpu_minutes:g} GPU minutes are assumed to run on {DEFAULT_GPUS} GPU.")
        hours = gpu_minutes / 60 / DEFAULT_GPUS
    elif energy_kwh and base_kw > 0:
        hours = energy_kwh / base_kw
        notes.append(f"No duration was given: {energy_kwh:g} kWh at {base_kw:.3g} kW take {hours:.3g} h.")
    else:
        hours = DEFAULT_HOURS.get(workload_type, OTHER_HOURS)
        notes.append(f"No duration was given: {hours:g} h are assumed, as usual for {workload_type}.")
    if hours > LONGEST_HOURS:
        msg = f"the run would take {hours:.3g} h; give estimated_duration_hours"
        raise EnergyError(msg)
    return hours


def _check(**figures: float | None) -> None:
    for name, value in figures.items():
        if value is not None and (not isfinite(value) or value < 0):
            msg = f"{name} is {value:g}; it must be 0 or more"
            raise EnergyError(msg)
    hours = figures["duration_hours"]
    if hours is not None and hours > LONGEST_HOURS:
        msg = f"duration_hours is {hours:g}; no run takes longer than {LONGEST_HOURS} h"
        raise EnergyError(msg)


def asset_energy_kwh(problem: Problem, asset: Asset) -> float:
    """Energy that the run takes at this asset, cooling included.

    The user's figure as it is; else the model's with the asset's own GPUs, at their rated power, and PUE.
    """
    job = problem.job
    if job.energy_is_stated:
        return job.energy_kwh
    if job.it_kwh_without_gpus is None:
        return job.energy_kwh * asset.pue / job.reference_pue
    gpu_kwh = job.gpu_hours * gpu_watts(gpu_model(asset.hardware) or job.gpu_model) / 1000
    return (job.it_kwh_without_gpus + gpu_kwh) * asset.pue


def asset_power_kw(problem: Problem, asset: Asset) -> float:
    """Mean power of the run at this asset."""
    return asset_energy_kwh(problem, asset) / (problem.job.duration_minutes / 60)


def energy_range_kwh(problem: Problem) -> tuple[float, float]:
    """Least and most energy that the run takes at any of the assets."""
    found = [asset_energy_kwh(problem, asset) for asset in problem.assets]
    return (min(found), max(found)) if found else (problem.job.energy_kwh, problem.job.energy_kwh)


def energy_words(problem: Problem) -> str:
    """`3.68 kWh`, or `3.68 to 4.99 kWh by site`."""
    low, high = (f"{kwh:.3g}" for kwh in energy_range_kwh(problem))
    return f"{low} kWh" if low == high else f"{low} to {high} kWh by site"


def gpu_note(job: Job, assets: Sequence[Asset]) -> str:
    """What is assumed of the GPUs' power, for people; empty for a run without GPUs or with a stated energy."""
    if job.energy_is_stated or not job.gpu_hours:
        return ""
    table = coefficients().gpu_w
    models = dict.fromkeys(gpu_model(asset.hardware) or job.gpu_model or ANY_GPU for asset in assets)
    rated = ", ".join(f"{'any other GPU' if m == ANY_GPU else m.upper()} {table[m]:g} W" for m in models)
    return f"GPUs are taken at their rated power (100 % utilisation): {rated}."
