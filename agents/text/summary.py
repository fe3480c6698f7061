"""What users and the next agent read: claims that a model picked, among those that are told whatever it picks."""

from collections.abc import Iterable, Sequence

from agents.text.claims import Claim, Compared, OfOne, Reading, Timing, Topic, Who
from agents.text.compare import beside, carbon_price, difference, weight
from agents.text.figures import energy, length, mass, sentence, span
from agents.text.limits import limits_kept
from agents.text.reading import not_applied
from agents.text.render import caveats, placed, price, say, site
from agents.text.situation import PLACES, Situation
from persistence.workload import Reason
from tools.energy import energy_range_kwh
from tools.placement import Option
from tools.solver.options import rounded


def summary(about: Situation, claims: Sequence[Claim]) -> str:
    """Where, what it saves, what was claimed, the alternatives, what was read, the limits, and what is not certain."""
    told = [
        f"run {'at' if ' in ' in site(about.options[0]) else 'in'} {placed(about.options[0])}",
        _against_now(about),
        *(say(claim, about) for claim in claims if not _is_told(claim)),
        *_alternatives(about),
        say(Reading(kind="understood"), about),
        say(Reading(kind="not_understood"), about),
        *(not_applied(about.compute) if about.compute else ()),
        limits_kept(about),
        *caveats(about.market, about.options),
        *about.problem.job.assumptions,
    ]
    return _joined(told)


def reasoning(place: int, about: Situation, topics: Sequence[Topic]) -> str:
    """Why the option in a place of the ranking stands there: the first beside running now, the others beside it."""
    who = PLACES[place]
    to_first = Compared(kind="compared", who=who, than="first", of=["carbon", "cost"])
    beside = _against_now(about) if who == "first" else say(to_first, about)
    return _joined([placed(about.options[place]), beside, *(say(_on(topic, who), about) for topic in topics)])


def needs(about: Situation, claims: Sequence[Claim]) -> str:
    """The compute agent's analysis: what the workload needs, and what its options are."""
    job = about.problem.job
    source = "stated by the user" if job.energy_is_stated else "estimated"
    low, high = (energy(kwh) for kwh in energy_range_kwh(about.problem))
    amount = low if low == high else f"{low} to {high} by site"
    text = f"the workload needs {amount} ({source}) over {length(job.duration_minutes)}"
    return _joined([text, *job.assumptions, *_listing(about), *(say(claim, about) for claim in claims)])


def windows(about: Situation, claims: Sequence[Claim]) -> str:
    """The energy agent's analysis: its options, and what they trade."""
    return _joined([*_listing(about), *(say(claim, about) for claim in claims)])


def fitting_reason(wanted: Reason | None, option: Option, about: Situation) -> Reason:
    """The keyword that was picked, where it is true of the option; else the truest one."""
    others = [*about.options, *([about.now] if about.now else [])]
    costs = [rounded(other.cost_gbp) for other in others if other.cost_gbp is not None]
    shares = [rounded(other.renewable_pct) for other in others if other.renewable_pct is not None]
    carbon = [rounded(other.carbon_g) for other in others]
    cost = None if option.cost_gbp is None else rounded(option.cost_gbp)
    holds: dict[Reason, bool] = {
        "low_carbon": rounded(option.carbon_g) < max(carbon),
        "cost_effective": cost is not None and cost < max(costs),
        "pricing": cost is not None and cost < max(costs),
        "availability": option.start <= min(other.start for other in others),
        "energy": option.renewable_pct is not None and rounded(option.renewable_pct) > min(shares),
    }
    if wanted is not None and holds[wanted]:
        return wanted
    is_cleanest = rounded(option.carbon_g) <= min(carbon)
    best: Reason = "cost_effective" if cost is not None and cost <= min(costs) and not is_cleanest else "low_carbon"
    return next(
        (reason for reason in (best, "cost_effective", "low_carbon", "energy") if holds[reason]), "availability"
    )


def _against_now(about: Situation) -> str | None:
    first = about.options[0]
    if about.now is None:
        return "Running now cannot be measured, so there is nothing to compare it with."
    if about.runs_now(first):
        is_least = all(first.objective_gbp <= option.objective_gbp for option in about.options)
        saving = (
            f"that emits no more saves the {100 * about.problem.min_saving:g} % and the penny that a shift must save"
        )
        return f"This is where and when it would run anyway: no other choice {'is better' if is_least else saving}."
    told = difference("first", "now", about)
    return told and f"Compared with {about.name('now')} at {about.now.asset.name}, it {told}."


def _alternatives(about: Situation) -> list[str]:
    """Each with window, site, carbon and price, beside the first; and what carbon counts for where one trades it."""
    first, others = about.options[0], about.options[1:]
    if not others:
        return []
    told = [
        f"{site(o)}, {span(o.start, o.end)}, {mass(o.carbon_g)} of CO2 {price(o)} ({beside(o, first)})" for o in others
    ]
    trades = any(carbon_price(other, first) is not None for other in others)
    return [f"Alternatives: {'; '.join(told)}", *([weight(about)] if trades else [])]


def _listing(about: Situation) -> list[str]:
    """The first at length, the others beside it."""
    if not about.options:
        return ["No option was found."]
    return [f"first is {placed(about.options[0])}", *_alternatives(about)]


def _is_told(claim: Claim) -> bool:
    """What the fixed sentences say already."""
    if isinstance(claim, Compared):
        return (claim.who, claim.than) == ("first", "now") and set(claim.of) <= {"carbon", "cost"}
    return isinstance(claim, OfOne) and claim.kind == "placed"


def _on(topic: Topic, who: Who) -> Claim:
    return Timing(kind="timing", who=who, than="now") if topic == "timing" else OfOne(kind=topic, who=who)


def _joined(sentences: Iterable[str | None]) -> str:
    """Each once."""
    return " ".join(dict.fromkeys(sentence(text) for text in sentences if text))
