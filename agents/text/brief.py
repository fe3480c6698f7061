"""A workload as text for a prompt: delimited data, limited in length, the same for the same state."""

import json
from datetime import datetime

from agents.request.text import cleaned, request_text
from persistence.workload import Workload
from tools.energy import energy_words
from tools.placement import Limits, Problem
from tools.regions import region_name
from tools.slots import UK
from tools.toolkit.summary import stamp

MAX_NAME_CHARS = 120


def render(workload: Workload, problem: Problem) -> str:
    """The clock, the row's facts, and the request between delimiters."""
    job, text = problem.job, request_text(workload)
    source = "stated by the user" if job.energy_is_stated else "estimated"
    pausing = ", may pause" if job.pausable else ""
    lines = [
        f"Now: {uk(problem.now)} UK time ({stamp(problem.now)})",
        "<workload>",
        f"name: {json.dumps(cleaned(workload.workload_name, MAX_NAME_CHARS), ensure_ascii=False)}",
        f"type: {cleaned(workload.workload_type, 40)}",
        f"urgency: {workload.urgency}",
        f"preferred data centre: {cleaned(problem.preferred_asset or 'none', MAX_NAME_CHARS)}",
        f"needs: {energy_words(problem)} ({source}) over {job.duration_minutes} minutes{pausing}",
        *(f"limit: {limit}" for limit in limits_in_words(problem.limits)),
        f"carbon price: {problem.carbon_price_gbp_per_tonne:g} GBP per tonne",
        "</workload>",
        "<request>",
        text or "(no text)",
        "</request>",
    ]
    return "\n".join(lines)


def limits_in_words(limits: Limits) -> list[str]:
    """One phrase a limit; times in UK time."""
    words = [f"start from {uk(limits.earliest_start)}"]
    if limits.latest_start is not None:
        words.append(f"start by {uk(limits.latest_start)}")
    if limits.latest_finish is not None:
        words.append(f"finish by {uk(limits.latest_finish)}")
    caps = (
        (limits.carbon_cap_g, "at most {:g} g of CO2 for the run"),
        (limits.max_intensity_g_per_kwh, "at most {:g} g/kWh"),
        (limits.min_renewable_pct, "at least {:g} % renewable"),
        (limits.max_cost_gbp, "at most {:g} GBP for the run"),
    )
    words += [text.format(value) for value, text in caps if value is not None]
    if limits.required_regions is not None:
        words.append("only in " + (", ".join(map(region_name, limits.required_regions)) or "no region at all"))
    if limits.excluded_regions:
        words.append("not in " + ", ".join(map(region_name, limits.excluded_regions)))
    return words


def uk(instant: datetime) -> str:
    """As people in the UK write it: `Tue 24 Nov 2026 10:30`."""
    return f"{instant.astimezone(UK):%a %d %b %Y %H:%M}"
