"""From a checked row to a placement problem: hard limits, carbon price, preferred asset, assets that can host it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from persistence.workload import Urgency, Workload
from tools.energy import (
    EnergyError,
    EnergyEstimate,
    asset_power_kw,
    coefficients,
    estimate,
    gpu_model_in_text,
    gpu_note,
)
from tools.errors import GridwiseError
from tools.placement import Asset, Commitment, Limits, Objective, Problem, Relaxed
from tools.regions import REGIONS, find_regions
from tools.slots import SLOT
from tools.solver.capacity import binding_commitments
from tools.solver.policy import FIRST_FACTOR

CARBON_PRICE_GBP_PER_TONNE: dict[Urgency, float] = {
    Urgency.LOW: 1500.0,
    Urgency.MEDIUM: 1000.0,
    Urgency.HIGH: 500.0,
    Urgency.CRITICAL: 250.0,
}
"""What a tonne of CO2 weighs against money. 1000 kept most of both savings on the matched 2023 data; 250 is near the
UK government's central value of carbon. docs/agents.md has the table, and what a request's words do to it."""
CRITICAL_GBP_PER_TONNE = 2500.0
"""CRITICAL work may emit more than running now where a tonne saves this much: ten times what it weighs there."""
_UNSAID_MAY_WAIT = frozenset({Urgency.LOW, Urgency.MEDIUM})


@dataclass(frozen=True, slots=True)
class Policy:
    """What the deployment sets for all its workloads; see README, Configuration."""

    places: Literal["auto", "sites", "regions"] = "auto"
    """auto: the active sites where there is one, else the 14 regions."""
    objective: Objective = "balanced"
    carbon_price_gbp_per_tonne: float | None = None
    """In place of the urgency's."""
    min_saving: float = 0.05


def problem_from(
    workload: Workload,
    *,
    assets: Sequence[Asset],
    commitments: Sequence[Commitment],
    now: datetime,
    policy: Policy = Policy(),
) -> Problem:
    """The placement problem of a workload.

    Args:
        assets: every active asset; those that cannot host the workload are left out. The regions, by the policy.
        commitments: power promised to other workloads.
        now: the run's clock, aware UTC.

    Raises:
        WorkloadInputError: figures that no run can have, times that contradict each other, hardware nobody has.
    """
    needs = _needs(workload)
    notes: list[str] = []
    limits = _limits(workload, now, notes)
    hosts = _hosts(workload, needs, _places(assets, policy, notes))
    preferred, unknown = _preferred(workload.host_dc, hosts, assets)
    job = needs.job()
    notes += [note for note in (gpu_note(job, hosts),) if note]
    problem = Problem(
        now=now,
        job=job.model_copy(update={"assumptions": (*job.assumptions, *notes)}),
        limits=limits,
        assets=tuple(hosts),
        preferred_asset=preferred,
        carbon_price_gbp_per_tonne=_carbon_price(workload.urgency, policy),
        min_saving=policy.min_saving,
        objective=policy.objective,
        dirtier_from_gbp_per_tonne=_dirtier_from(workload.urgency, policy),
        notes=(unknown,) if unknown else (),
        relaxed=tuple(Relaxed(limit=one.limit, value=one.value) for one in workload.relaxed),
    )
    free_kw = {
        asset.asset_id: asset.rated_power_kw - asset_power_kw(problem, asset)
        for asset in hosts
        if asset.asset_id is not None and asset.rated_power_kw is not None
    }
    return problem.model_copy(update={"commitments": binding_commitments(commitments, free_kw)})


def _needs(workload: Workload) -> EnergyEstimate:
    try:
        return estimate(
            workload_type=workload.workload_type,
            gpu_minutes=workload.required_gpu_mins,
            cpu_cores=workload.required_cpu_cores,
            memory_gb=workload.required_memory_gb,
            duration_hours=workload.estimated_duration_hours,
            energy_kwh=workload.estimated_energy_kwh,
            hardware=gpu_model_in_text(workload.request_text or ""),
        )
    except EnergyError as error:
        msg = f"The workload's figures cannot be right: {error}."
        raise WorkloadInputError(msg) from error


def _limits(workload: Workload, now: datetime, notes: list[str]) -> Limits:
    if workload.finish_by is not None and workload.finish_by <= now:
        msg = (
            f"The deadline {workload.finish_by:%Y-%m-%d %H:%M} UTC has passed (it is {now:%Y-%m-%d %H:%M} UTC); "
            "set a later deadline or latest_completion and submit the workload again."
        )
        raise WorkloadInputError(msg)
    earliest = max(now, workload.earliest_start or now)
    latest = _latest_start(workload, earliest, now, notes)
    if workload.finish_by is not None and workload.finish_by <= earliest:
        msg = (
            f"earliest_start {earliest:%Y-%m-%d %H:%M} UTC is not before the deadline "
            f"{workload.finish_by:%Y-%m-%d %H:%M} UTC; change one of them."
        )
        raise WorkloadInputError(msg)
    return Limits(
        earliest_start=earliest,
        latest_start=latest,
        latest_finish=workload.finish_by,
        carbon_cap_g=workload.carbon_cap_gco2,
        max_intensity_g_per_kwh=workload.max_carbon_intensity_gco2_kwh,
        min_renewable_pct=workload.min_renewable_pct,
        max_cost_gbp=workload.max_price_gbp,
    )


def _latest_start(workload: Workload, earliest: datetime, now: datetime, notes: list[str]) -> datetime | None:
    """The last minute of the current half-hour for what may not wait, or may wait no longer.

    Starts are whole minutes: within the half-hour's last minute the next whole one is as soon as it gets.
    """
    next_minute = earliest + timedelta(minutes=1) - timedelta(microseconds=1)
    this_slot = max(_slot_start(earliest) + SLOT - timedelta(minutes=1), next_minute.replace(second=0, microsecond=0))
    if not _may_wait(workload, notes):
        return this_slot
    if workload.deferral_window_mins is None:
        return None
    until = workload.submitted_at + timedelta(minutes=workload.deferral_window_mins)
    if until >= this_slot:
        return until
    if earliest > now:
        msg = (
            f"earliest_start {earliest:%Y-%m-%d %H:%M} UTC is later than the deferral window allows "
            f"({until:%Y-%m-%d %H:%M} UTC, {workload.deferral_window_mins} minutes after submission); "
            "change one of them."
        )
        raise WorkloadInputError(msg)
    notes.append(f"The deferral window ended at {until:%Y-%m-%d %H:%M} UTC: the workload starts in this half-hour.")
    return this_slot


def _may_wait(workload: Workload, notes: list[str]) -> bool:
    if workload.is_deferrable is not None:
        return workload.is_deferrable
    if any((workload.deferral_window_mins, workload.finish_by, workload.earliest_start)):
        return True
    waits = workload.urgency in _UNSAID_MAY_WAIT
    verb = "may wait" if waits else "starts at once"
    notes.append(f"Nothing says whether the workload may wait: with urgency {workload.urgency} it {verb}.")
    return waits


def _hosts(workload: Workload, needs: EnergyEstimate, assets: Sequence[Asset]) -> list[Asset]:
    if not assets:
        msg = (
            "There is no active compute asset to place a workload on; add rows to compute_assets, or set "
            "GRIDWISE_PLACES=auto to place by region."
        )
        raise WorkloadInputError(msg)
    wanted = {
        "gpu_count": ("GPUs", max(1, ceil(needs.gpus - 1e-9)) if workload.required_gpu_mins else 0),
        "cpu_cores": ("CPU cores", workload.required_cpu_cores or 0),
        "memory_gb": ("GB of memory", workload.required_memory_gb or 0),
    }
    hosts = [asset for asset in assets if all(_fits(asset, name, need) for name, (_, need) in wanted.items())]
    if hosts:
        return hosts
    lacking = [
        f"{need} {label} (the largest has {max(getattr(asset, name) for asset in assets)})"
        for name, (label, need) in wanted.items()
        if not any(_fits(asset, name, need) for asset in assets)
    ]
    what = (
        " and ".join(lacking) or ", ".join(f"{need} {label}" for label, need in wanted.values() if need) + " together"
    )
    msg = f"No compute asset can host the workload: it needs {what}. Ask for less, or allow a longer duration."
    raise WorkloadInputError(msg)


def _fits(asset: Asset, name: str, need: int) -> bool:
    """An asset that tells nothing about its hardware is taken for able to host anything."""
    tells_nothing = not (asset.gpu_count or asset.cpu_cores or asset.memory_gb)
    has: int = getattr(asset, name)
    return tells_nothing or has >= need


def _preferred(host_dc: str | None, hosts: Sequence[Asset], known: Sequence[Asset]) -> tuple[str | None, str]:
    """The place of `host_dc` among those that can host, by name, else by a part of the name, else by the region that
    it tells; and what its user must read where there is none. `known`: every active site."""
    wanted = " ".join((host_dc or "").casefold().split())
    if not wanted:
        return None, ""
    asset = _named(wanted, hosts)
    if asset is not None:
        return asset.name, ""
    site = _named(wanted, known)
    if site is None:
        return None, f'The preferred data centre (host_dc) "{host_dc}" is not known here and could not be considered.'
    there = next((host for host in hosts if host.region == site.region), None)
    if there is not None:
        return there.name, ""
    return None, f'The preferred data centre (host_dc) "{host_dc}" cannot host this workload and was not considered.'


def _named(wanted: str, assets: Sequence[Asset]) -> Asset | None:
    regions = find_regions(wanted)
    for matches in (
        lambda asset: asset.name.casefold() == wanted,
        lambda asset: wanted in asset.name.casefold() or asset.name.casefold() in wanted,
        lambda asset: asset.region in regions,
    ):
        found = next((asset for asset in assets if matches(asset)), None)
        if found is not None:
            return found
    return None


def _places(assets: Sequence[Asset], policy: Policy, notes: list[str]) -> Sequence[Asset]:
    """The active sites, or the 14 regions with usual figures."""
    if policy.places == "sites" or (policy.places == "auto" and assets):
        return assets
    pue = coefficients().reference_pue
    notes.append(f"The 14 regions are the places, with any hardware and the usual PUE of {pue:g}.")
    return [Asset(asset_id=None, name=region.name, region=region.region_id, pue=pue) for region in REGIONS]


def _carbon_price(urgency: Urgency, policy: Policy) -> float:
    price = policy.carbon_price_gbp_per_tonne
    if price is None:
        price = CARBON_PRICE_GBP_PER_TONNE[urgency]
    return price * FIRST_FACTOR[policy.objective]


def _dirtier_from(urgency: Urgency, policy: Policy) -> float | None:
    """What a first choice must save per tonne that it emits more than running now; None: it must not emit more."""
    if policy.objective == "cost":
        return 0.0
    return CRITICAL_GBP_PER_TONNE if urgency is Urgency.CRITICAL and policy.objective == "balanced" else None


def _slot_start(time: datetime) -> datetime:
    return time.replace(minute=30 * (time.minute // 30), second=0, microsecond=0)


class WorkloadInputError(GridwiseError):
    """The row contradicts itself or asks for what cannot be: permanent, the message says which value and what to do."""
