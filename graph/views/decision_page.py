"""The page of `gridwise explain ID --html`: one decision, with what it was chosen from."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from graph.views.charts import HATCHINGS, Band, Line, Mark, line_chart
from graph.views.decision import Explanation, Judged
from graph.views.html import escape, facts, page, table
from graph.views.placements import carbon
from graph.views.reading import not_understood, relaxations, understood
from persistence.columns import mapping
from persistence.workload import Row
from tools.energy import energy_words
from tools.market import FloatArray, Market, SourceNote, prices_at
from tools.placement import Option, Problem
from tools.regions import region_name
from tools.slots import LONDON, SLOT
from tools.solver.savings import Savings

MOST_COLOURED = 5
"""Regions drawn in a colour of their own; the others are grey."""
MOST_OPTIONS = 14
COLUMNS = (
    "",
    "region, asset",
    "window (UK time)",
    "g/kWh",
    "CO2 g",
    "renew. %",
    "GBP",
    "saves CO2",
    "saves GBP",
    "confidence",
)
"""Savings are against running now."""


def explain_page(explained: Explanation) -> str:
    """A complete document; everything that users wrote is escaped."""
    row = explained.row
    name = str(row.get("workload_name") or row.get("id"))
    body = [f"<h1>{escape(name)}</h1>", HATCHINGS, _verdict(explained), _request(row)]
    if explained.problem is None or explained.market is None:
        body.append(
            '<p class="note">The figures that this run decided on are no longer stored, or it never had any. '
            "What the row holds is shown.</p>"
        )
    else:
        body += [
            _charts(explained, explained.problem, explained.market),
            _options(explained),
            _limits(explained.problem),
            _job(explained.problem, explained.winner),
            _sources(explained.market),
        ]
    body.append(_provenance(explained))
    return page(f"gridwise: {name}", "".join(body))


def _verdict(explained: Explanation) -> str:
    row = explained.row
    summary = str(row.get("decision_summary") or row.get("agent_error") or "")
    winner = next((judged for judged in explained.options if judged.rank == 1), None)
    pairs = [("id", str(row.get("id"))), ("state", _state(row))]
    if row.get("recommended_region"):
        pairs += [
            ("where", str(row["recommended_region"]) + (f", {winner.option.asset.name}" if winner else "")),
            ("carbon intensity", _measured(row.get("recommended_carbon_intensity"), "gCO2/kWh")),
            ("renewable share", _measured(row.get("recommended_renewable_mix"), "%")),
            ("cost", "unknown" if row.get("recommended_cost_gbp") is None else f"£{row['recommended_cost_gbp']}"),
            ("confidence", f"{row.get('recommendation_confidence')} (that it is no worse than running now)"),
        ]
    if winner is not None:
        pairs.insert(3, ("when", _window(winner.option)))
        if winner.savings is not None:
            pairs.append(("compared with running now", _compared(winner.savings)))
    return (f"<p>{escape(summary)}</p>" if summary else "") + facts(pairs)


def _state(row: Row) -> str:
    status = str(row.get("status"))
    return "queued (the recommendation is there, for its user to review)" if status == "queued" else status


def _compared(saved: Savings) -> str:
    parts = [f"{carbon(abs(saved.carbon_g))} {'less' if saved.carbon_g >= 0 else 'more'} CO2"]
    if saved.cost_gbp is not None:
        parts.append(f"£{abs(saved.cost_gbp):.2f} {'less' if saved.cost_gbp >= 0 else 'more'}")
    return ", ".join(parts)


def _request(row: Row) -> str:
    """What was read in the request's words, and what would help where it failed."""
    pairs = [(f"“{quote}”", meaning) for quote, meaning in understood(row)]
    pairs += [("not understood, and not applied", clause) for clause in not_understood(row)]
    words = "<h2>Your request</h2>" + facts(pairs) if pairs else ""
    helps = [(str(number), says) for number, says, _ in relaxations(row)]
    return words + ("<h2>What would help</h2>" + facts(helps) if helps else "")


def _charts(explained: Explanation, problem: Problem, market: Market) -> str:
    regions = _regions(explained, problem)
    bands, marks = _bands(explained, market), _marks(problem, market)
    ticks = _ticks(market)
    charts = ["<h2>What it was chosen from</h2>"]
    intensity = {region_name(region): market.intensity[market.regions.index(region)] for region in regions}
    for title, values in (
        ("Carbon intensity (gCO2/kWh)", intensity),
        ("Electricity price (GBP/kWh without VAT)", _prices(explained, market, regions)),
    ):
        lines = [
            Line(name, _values(row), strong=i == 0, faint=i >= MOST_COLOURED)
            for i, (name, row) in enumerate(values.items())
        ]
        charts.append(line_chart(title, lines, ticks, bands=bands, marks=marks, others="other regions"))
    charts.append(
        "<p>Hatched blue: the chosen window. Hatched grey: recommended second and third. Dotted: running now. "
        f"Times are UK time. {_estimated(market, regions)}</p>"
    )
    return "".join(charts)


def _prices(explained: Explanation, market: Market, regions: Sequence[int]) -> dict[str, FloatArray]:
    """Of the first site among the options of each region, under its own tariff where it has one."""
    found: dict[str, FloatArray] = {}
    options = [judged.option for judged in explained.options] + ([explained.now] if explained.now else [])
    for region in regions:
        asset = next((option.asset for option in options if option.asset.region == region), None)
        if asset is None or asset.tariff is None:
            found[region_name(region)] = market.price_gbp_per_kwh[market.regions.index(region)]
        else:
            found[f"{asset.name} (own tariff)"] = prices_at(market, asset)[0]
    return found


def _options(explained: Explanation) -> str:
    rows = [cells(judged) for judged in explained.options[:MOST_OPTIONS]]
    if explained.now is not None:
        rows.append(cells(Judged(explained.now, None, None, None), name="now"))
    left_out = len(explained.options) - MOST_OPTIONS
    more = f"<p>{left_out} more options are not shown.</p>" if left_out > 0 else ""
    best = 0 if explained.winner is not None else -1
    listed = table(COLUMNS, rows, numbers=range(3, len(COLUMNS)), best=best)
    return "<h2>Options</h2>" + listed + more + _reasons(explained)


def _reasons(explained: Explanation) -> str:
    listed = mapping(explained.row.get("metadata")).get("recommendations")
    reasons = [
        (f"{item.get('rank')}: {item.get('reason')}", str(item.get("reasoning") or ""))
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, dict)
    ]
    return facts(reasons)


def cells(judged: Judged, name: str = "") -> tuple[str, ...]:
    """One line of the table of options; see `COLUMNS`."""
    option, saved = judged.option, judged.savings
    return (
        name or (str(judged.rank) if judged.rank else ""),
        f"{region_name(option.asset.region)}, {option.asset.name}",
        _window(option),
        f"{option.intensity_g_per_kwh:.1f}",
        f"{option.carbon_g:.0f}",
        "?" if option.renewable_pct is None else f"{option.renewable_pct:.0f}",
        "?" if option.cost_gbp is None else f"{option.cost_gbp:.2f}" + ("*" if option.price_is_estimated else ""),
        "" if saved is None else carbon(saved.carbon_g),
        "" if saved is None or saved.cost_gbp is None else f"{saved.cost_gbp:.2f}",
        "" if judged.confidence is None else f"{judged.confidence:.2f}",
    )


def _limits(problem: Problem) -> str:
    limits = problem.limits
    pairs = [
        ("earliest start", _time(limits.earliest_start)),
        ("latest start", _time(limits.latest_start)),
        ("finish by", _time(limits.latest_finish)),
        ("carbon cap", "" if limits.carbon_cap_g is None else f"{limits.carbon_cap_g:g} g for the run"),
        ("intensity cap", _unit(limits.max_intensity_g_per_kwh, "g/kWh")),
        ("minimum renewable share", _unit(limits.min_renewable_pct, "%")),
        ("price limit", _unit(limits.max_cost_gbp, "GBP")),
        ("only in", ", ".join(map(region_name, limits.required_regions or ()))),
        ("not in", ", ".join(map(region_name, limits.excluded_regions))),
        ("minimum saving to shift", f"{problem.min_saving:.0%} of cost plus priced carbon"),
        ("carbon price", f"{problem.carbon_price_gbp_per_tonne:g} GBP per tonne"),
    ]
    return "<h2>Limits and weights</h2>" + facts(pairs)


def _job(problem: Problem, winner: Option | None) -> str:
    job = problem.job
    energy = energy_words(problem) if winner is None else f"{winner.energy_kwh:.3g} kWh at {winner.asset.name}"
    energy += f" ({'stated' if job.energy_is_stated else 'estimated'}; the data centre's, cooling included)"
    pairs = [
        ("energy", energy),
        ("duration", f"{job.duration_minutes} minutes" + (", may pause" if job.pausable else ", without a pause")),
        *((f"assumption {i}", text) for i, text in enumerate(job.assumptions, start=1)),
    ]
    return "<h2>The job</h2>" + facts(pairs)


def _sources(market: Market) -> str:
    def words(note: SourceNote) -> str:
        age = "" if note.age_seconds is None else f", {note.age_seconds / 60:.0f} minutes old"
        return f"{note.name}: {note.mode}{age}, {note.coverage:.0%} of the horizon. {note.detail}"

    return "<h2>Sources</h2>" + facts([("carbon", words(market.carbon)), ("price", words(market.price))])


def _provenance(explained: Explanation) -> str:
    provenance = mapping(mapping(explained.row.get("metadata")).get("provenance"))
    models = mapping(provenance.get("models"))
    pairs = [
        ("clock of the run", str(provenance.get("clock") or "")),
        ("models", ", ".join(f"{agent}: {model}" for agent, model in models.items())),
        ("gridwise", str(provenance.get("graph_version") or "")),
        ("completed", str(explained.row.get("agent_completed_at") or "")),
    ]
    return "<h2>Provenance</h2>" + facts(pairs)


def _regions(explained: Explanation, problem: Problem) -> list[int]:
    """Those that the limits allow: the winner's, the other recommended ones', that of running now, the next best."""
    options = [judged.option for judged in explained.options if judged.rank]
    if explained.now is not None:
        options.append(explained.now)
    options += [judged.option for judged in explained.options if not judged.rank]
    found = dict.fromkeys(option.asset.region for option in options)
    found |= dict.fromkeys(asset.region for asset in problem.assets)
    known = () if explained.market is None else explained.market.regions
    limits = problem.limits
    allowed = set(limits.required_regions if limits.required_regions is not None else known)
    in_play = allowed - set(limits.excluded_regions) or set(known)
    return [region for region in found if region in known and region in in_play]


def _bands(explained: Explanation, market: Market) -> list[Band]:
    def of(option: Option | None, name: str, pattern: str, row: int) -> list[Band]:
        return [
            Band("" if i else name, _slot(market, part.start), _slot(market, part.end), pattern, row)
            for i, part in enumerate(() if option is None else option.segments)
        ]

    ranked = {judged.rank: judged.option for judged in explained.options if judged.rank}
    bands = of(ranked.get(2), "second", "rejected", 1) + of(ranked.get(3), "third", "rejected", 2)
    return bands + of(explained.now, "running now", "now", 3) + of(ranked.get(1), "chosen", "chosen", 0)


def _marks(problem: Problem, market: Market) -> list[Mark]:
    limits = problem.limits
    times = [("earliest start", limits.earliest_start if limits.earliest_start > problem.now else None)]
    times += [("latest start", limits.latest_start), ("finish by", limits.latest_finish)]
    return [
        Mark(name, _slot(market, time))
        for name, time in times
        if time is not None and market.start <= time <= market.end
    ]


def _ticks(market: Market) -> dict[float, str]:
    ticks: dict[float, str] = {}
    for i in range(market.slots):
        local = (market.start + i * SLOT).astimezone(LONDON)
        if local.hour % 6 == 0 and local.minute == 0:
            ticks[float(i)] = f"{local:%a %d}" if local.hour == 0 else f"{local:%H}:00"
    return ticks


def _estimated(market: Market, regions: Sequence[int]) -> str:
    rows = [market.regions.index(region) for region in regions]
    share = float(market.price_estimated[rows].mean()) if rows else 0.0
    return f"{share:.0%} of the prices shown are estimated (* in the table)." if share else ""


def _values(row: FloatArray) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in row]


def _slot(market: Market, time: datetime) -> float:
    return (time - market.start) / SLOT


def _window(option: Option) -> str:
    start, end = option.start.astimezone(LONDON), option.end.astimezone(LONDON)
    closing = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %H:%M}"
    count = len(option.segments) - 1
    pauses = f", {count} pause{'s' if count > 1 else ''}" if count else ""
    return f"{start:%a %d %b %H:%M}-{closing}{pauses}"


def _time(time: datetime | None) -> str:
    return "" if time is None else f"{time.astimezone(LONDON):%a %d %b %Y %H:%M} UK time"


def _measured(value: object, unit: str) -> str:
    return "unknown" if value is None else f"{value} {unit}"


def _unit(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.12g} {unit}"
