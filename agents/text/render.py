"""Claims said in English. One renderer for every agent, for the offline planner, and for plans made anew later.

A claim that cannot be said of the case (no such option, no such limit, nothing to compare) is dropped.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from agents.text.claims import Claim, Compared, Extreme, Levels, Limit, OfOne, Reading, Sure, Timing, Who
from agents.text.compare import WORDS, compared, shown, value, weight
from agents.text.figures import clock, intensity, length, listed, mass, money, percent, rate, sentence, span, spans
from agents.text.limits import limit_kept
from agents.text.reading import not_understood, understood
from agents.text.situation import PLACES, Situation
from tools.market import Market, Mode, SourceNote
from tools.placement import Option
from tools.regions import region_name
from tools.slots import SLOT
from tools.solver.confidence import confidence
from tools.solver.policy import is_harmless, worth_shifting

FULL_COVERAGE = 0.995
_NUMBERS = ("none", "one", "two", "three")
_MODES: dict[Mode, str] = {
    "last_good": "the last good forecast",
    "profile": "a daily profile of recent days",
    "recorded": "a recorded day replayed",
    "none": "missing",
}


def say(claim: Claim, about: Situation) -> str | None:
    """One sentence; None where the claim cannot be said."""
    text = _SAYINGS[type(claim)](claim, about)
    return text and sentence(text)


def placed(option: Option) -> str:
    """Where, when, how clean and at what price, as in "Eval Norwich in East England, Tue 24 Nov 14:00 to 16:00 …"."""
    return f"{site(option)}, {span(option.start, option.end)} UK time: {levels(option)}{_with_pauses(option)}"


def site(option: Option) -> str:
    """The site and its region; the region alone where regions are placed on."""
    region = region_name(option.asset.region)
    return region if option.asset.name == region else f"{option.asset.name} in {region}"


def levels(option: Option) -> str:
    """As in "54 g of CO2 (9.5 g/kWh, 71 % renewable) for £0.78"."""
    share = (
        "share of renewables unknown" if option.renewable_pct is None else f"{percent(option.renewable_pct)} renewable"
    )
    clean = f"{intensity(option.intensity_g_per_kwh)}, {share}"
    return f"{mass(option.carbon_g)} of CO2 ({clean}) {price(option)}"


def price(option: Option) -> str:
    """As in "for £0.78"."""
    if option.cost_gbp is None:
        return "at an unknown price"
    return f"with {money(-option.cost_gbp)} paid to you" if option.cost_gbp < 0 else f"for {money(option.cost_gbp)}"


def caveats(market: Market, options: tuple[Option, ...]) -> list[str]:
    """What a user must know of the figures, whatever a model says: old, replayed, estimated, missing."""
    found: list[str] = []
    if market.carbon.mode != "live":
        found.append(f"Carbon figures: {_MODES[market.carbon.mode]}, not a live forecast{_age(market.carbon)}.")
    elif market.carbon.coverage < FULL_COVERAGE:
        found.append(f"Carbon figures cover {100 * market.carbon.coverage:.0f} % of the horizon.")
    if any(option.cost_gbp is None for option in options):
        found.append("No price is known for these windows: carbon alone decided.")
    elif any(option.price_is_estimated for option in options):
        found.append("Prices are partly estimated.")
    return found


def _of_one(claim: OfOne, about: Situation) -> str | None:
    option, name = about.option(claim.who), about.name(claim.who)
    if option is None:
        return None
    if claim.kind == "placed":
        return f"{name}: {option.asset.name}, {span(option.start, option.end)} UK time"
    if claim.kind == "pauses":
        pauses = len(option.segments) - 1
        times = f"{pauses} time{'s' if pauses > 1 else ''}: it runs {spans(option.segments)}"
        return f"{name} pauses {times}" if pauses else f"{name} takes no pause"
    return {"mix": _mix, "trend": _trend, "why": _why}[claim.kind](option, claim.who, about)


def _why(option: Option, who: Who, about: Situation) -> str | None:
    name, first = about.name(who), about.options[0]
    per_tonne = rate(about.problem.carbon_price_gbp_per_tonne)
    total = f"{money(option.objective_gbp)} with carbon priced at {per_tonne} per tonne"
    if who == "now":
        return None
    if about.runs_now(option):
        return f"{name} is where it would run now, and no shift is worth it" if _stays(about) else None
    if option is first:
        least = option.objective_gbp <= min(other.objective_gbp for other in about.options)
        return f"{name} comes to the lowest total of these options: {total}" if least else None
    more = option.objective_gbp - first.objective_gbp
    if money(abs(more)) == "0p":
        return f"{name} comes to as much as {about.name('first')}, {total}"
    return f"{name} comes to {total}, {money(abs(more))} {'more' if more > 0 else 'less'} than {about.name('first')}"


def _stays(about: Situation) -> bool:
    """Whether no option does without harm and is worth the shift away from running now."""
    now, problem = about.now, about.problem
    return now is not None and not any(
        is_harmless(problem, option, now) and worth_shifting(problem, about.market, option, now)
        for option in about.options
    )


def _levels(claim: Levels, about: Situation) -> str | None:
    option = about.option(claim.who)
    if option is None:
        return None
    said = [WORDS[of]["level"].format(text) for of in dict.fromkeys(claim.of) if (text := shown(option, of))]
    return f"{about.name(claim.who)} {listed(said)}" if said else None


def _extreme(claim: Extreme, about: Situation) -> str | None:
    """Only where one stands out by what is shown."""
    texts = [shown(option, claim.of) for option in about.options]
    values = [value(option, claim.of) for option in about.options]
    known = [found for found in values if found is not None]
    if len(known) < 2 or len(known) < len(values):
        return None
    pick = min if (claim.end == "best") != (claim.of == "renewable") else max
    place = values.index(pick(known))
    if texts.count(texts[place]) > 1:
        return None
    words = WORDS[claim.of][claim.end]
    return f"{about.name(PLACES[place])} {words} of the {_NUMBERS[len(known)]} ({texts[place]})"


def _timing(claim: Timing, about: Situation) -> str | None:
    pair = about.pair(claim.who, claim.than)
    if pair is None:
        return None
    minutes = round((pair[0].start - pair[1].start) / timedelta(minutes=1))
    name, other = about.name(claim.who), about.name(claim.than)
    if not minutes:
        return f"{name} starts at the same time as {other}"
    return f"{name} starts {length(minutes)} {'later' if minutes > 0 else 'earlier'} than {other}"


def _mix(option: Option, who: Who, about: Situation) -> str | None:
    """ "In East England wind, sun and water make 71 % of the power during the run and nuclear 10 %, against …"."""
    mix, at_once = _shares(option, about), None if about.now is None else _shares(about.now, about)
    if mix is None:
        return None
    said = f"in {region_name(option.asset.region)} {_fuels(mix)} of the power during the run"
    if who == "now" or at_once is None or _fuels(at_once) == _fuels(mix):
        return said
    return f"{said}; for {about.name('now')} {_fuels(at_once)}"


def _fuels(mix: tuple[float, float]) -> str:
    renewable, nuclear = mix
    return f"wind, sun and water make {percent(renewable)} and nuclear {percent(nuclear)}"


def _shares(option: Option, about: Situation) -> tuple[float, float] | None:
    """Renewable and nuclear, % of the generation in the option's region while it runs."""
    row = about.row(option)
    if row is None:
        return None
    used = about.minutes(option)
    both = np.stack([about.market.renewable[row], about.market.low_carbon[row]])[:, used > 0]
    if not both.size or np.isnan(both).any():
        return None
    renewable, low_carbon = (both @ used[used > 0] / used.sum()).tolist()
    return renewable, max(0.0, low_carbon - renewable)


def _trend(option: Option, _who: Who, about: Situation) -> str | None:
    market, row = about.market, about.row(option)
    if row is None:
        return None
    first = max(0, (about.problem.now - market.start) // SLOT)
    ahead = market.intensity[row][first : max(first + 1, -((market.start - _until(about)) // SLOT))]
    if not ahead.size or np.isnan(ahead[0]):
        return None
    low = int(np.nanargmin(ahead))
    at_once, lowest = intensity(float(ahead[0])), intensity(float(ahead[low]))
    begin = f"in {region_name(option.asset.region)} the carbon intensity is {at_once} now"
    if lowest == at_once:
        return f"{begin}, and no lower until {clock(_until(about))}"
    return f"{begin}, and at its lowest {lowest} in the half-hour from {clock(market.start + (first + low) * SLOT)}"


def _until(about: Situation) -> datetime:
    """The end of the time in which the workload may run."""
    limits, market = about.problem.limits, about.market
    end = min(market.end, limits.latest_finish or market.end)
    if limits.latest_start is not None:
        end = min(end, limits.latest_start + timedelta(minutes=about.problem.job.duration_minutes))
    return end


def _sure(claim: Sure, about: Situation) -> str | None:
    market, first = about.market, about.options[0]
    if claim.about == "weights":
        return weight(about)
    if claim.about == "confidence":
        pair = about.pair("first", "now")
        if pair is None:
            return None
        chance = 100 * confidence(about.problem, market, *pair)
        odds = "over 99 %" if chance >= 99.5 else "under 1 %" if chance < 0.5 else f"about {chance:.0f} %"
        return f"the chance that {about.name('first')} turns out no worse than {about.name('now')} is {odds}"
    if claim.about == "data":
        mode = market.carbon.mode
        return f"carbon figures are {'a live forecast' if mode == 'live' else _MODES[mode]}"
    if first.cost_gbp is None:
        return "no price is known for this window"
    return f"the price of this window is {'partly estimated' if first.price_is_estimated else 'a published one'}"


def _reading(claim: Reading, about: Situation) -> str | None:
    if about.compute is None:
        return None
    return understood(about.compute) if claim.kind == "understood" else not_understood(about.compute)


def _age(note: SourceNote) -> str:
    hours = (note.age_seconds or 0.0) / 3600
    return f", {hours:.1f} hours old" if hours >= 0.05 else ""


def _with_pauses(option: Option) -> str:
    pauses = len(option.segments) - 1
    return f", with {pauses} pause{'s' if pauses > 1 else ''} ({spans(option.segments)})" if pauses else ""


_SAYINGS: dict[type, Callable[[Any, Situation], str | None]] = {
    OfOne: _of_one,
    Levels: _levels,
    Compared: compared,
    Timing: _timing,
    Extreme: _extreme,
    Limit: lambda claim, about: (kept := limit_kept(claim.which, about)) and f"{about.name('first')} {kept}",
    Reading: _reading,
    Sure: _sure,
}
