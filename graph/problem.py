"""From a checked row to a placement problem: hard limits, carbon price, preferred asset, assets that can host it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from persistence.workload import Urgency, Workload
from tools.energy import EnergyError, EnergyEstimate, asset_power_kw, estimate, gpu_model_in_text, gpu_note
from tools.errors import GridwiseError
from tools.placement import Asset, Commitment, Limits, Problem, Relaxed
from tools.regions import find_regions
from tools.slots import SLOT
from tools.solver.capacity import binding_commitments

CARBON_PRICE_GBP_PER_TONNE: dict[Urgency, float] = {
    Urgency.LOW: 1500.0,
    Urgency.MEDIUM: 1000.0,
    Urgency.HIGH: 500.0,
    Urgency.CRITICAL: 250.0,
}
"""What a tonne of CO2 weighs against money. 1000 kept most of both savings on the matched 2023 data; 250 is near the
UK government's central value of carbon. docs/agents.md has the table, and what a request's words do to it."""
_UNSAID_MAY_WAIT = frozenset({Urgency.LOW, Urgency.MEDIUM})


def problem_from(
    workload: Workload, *, assets: Sequence[Asset], commitments: Sequence[Commitment], now: datetime
) -> Problem:
    """The placement problem of a workload.

    Args:
        assets: every active asset; those that cannot host the workload are left out.
        commitments: power promised to other workloads.
        now: the run's clock, aware UTC.

    Raises:
        WorkloadInputError: figures that no run can have, times that contradict each other, hardware nobody has.
    """
    needs = _needs(workload)
    notes: list[str] = []
    limits = _limits(workload, now, notes)
    hosts = _hosts(workload, needs, assets)
    preferred = _preferred(workload.host_dc, hosts, notes)
    job = needs.job()
    notes += [note for note in (gpu_note(job, hosts),) if note]
    problem = Problem(
        now=now,
        job=job.model_copy(update={"assumptions": (*job.assumptions, *notes)}),
        limits=limits,
        assets=tuple(hosts),
        preferred_asset=preferred,
        carbon_price_gbp_per_tonne=CARBON_PRICE_GBP_PER_TONNE[workload.urgency],
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
        msg = "There is no active compute asset to place a workload on; add rows to compute_assets."
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


def _preferred(host_dc: str | None, hosts: Sequence[Asset], notes: list[str]) -> str | None:
    """By name, else by a part of the name, else by the region that the name tells."""
    wanted = " ".join((host_dc or "").casefold().split())
    if not wanted:
        return None
    for matches in (
        lambda asset: asset.name.casefold() == wanted,
        lambda asset: wanted in asset.name.casefold() or asset.name.casefold() in wanted,
        lambda asset: asset.region in find_regions(wanted),
    ):
        for asset in hosts:
            if matches(asset):
                return asset.name
    notes.append("The preferred data centre (host_dc) is not among the assets that can host the workload.")
    return None


def _slot_start(time: datetime) -> datetime:
    return time.replace(minute=30 * (time.minute // 30), second=0, microsecond=0)


class WorkloadInputError(GridwiseError):
    """The row contradicts itself or asks for what cannot be: permanent, the message says which value and what to do."""
