"""Whether a summary tells what its user must know: the limits, the alternatives, the trade-off, the request's words.

Claims are true by construction; what is judged is that nothing needed is missing. Figures are looked for in the text,
whatever sentence they stand in.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from evals.cases.case import Case
from evals.runner.execute import Outcome
from evals.runner.score import Score, chosen, now_of
from tools.placement import Option
from tools.slots import UK

_MONEY = re.compile(r"-?£([\d,]+(?:\.\d+)?)|(?<![\d.])(\d+(?:\.\d+)?)p\b")
_NUMBER = r"(?<![\d.,])([\d,]+(?:\.\d+)?)"


def selection(_case: Case, outcome: Outcome) -> Iterator[Score]:
    """Of a decision with figures."""
    text, options = outcome.state["decision"].decision_summary, chosen(outcome)
    untold = [name for name, is_told in _limits(text, outcome) if not is_told]
    yield Score("limits told", not untold, ", ".join(untold))
    missing = [option.option_id for option in options if not _is_told(text, option)]
    yield Score("options told", not missing, ", ".join(missing))
    trades = list(_trades(options, now_of(outcome)))
    priced = len(re.findall(r"(?:paid|saved) per tonne", text))
    yield Score("trade-offs told", priced >= len(trades), f"{priced} of {len(trades)}")
    unsaid = [words for words in _words(outcome) if words[:100] not in " ".join(text.split())]
    yield Score("request told", not unsaid, "; ".join(unsaid))
    assumed = [note for note in outcome.state["problem"].job.assumptions if note not in text]
    yield Score("assumptions told", not assumed, "; ".join(assumed))


def _limits(text: str, outcome: Outcome) -> Iterator[tuple[str, bool]]:
    limits = outcome.state["problem"].limits
    if limits.latest_finish is not None:
        yield "deadline", _clock(limits.latest_finish) in text
    if limits.carbon_cap_g is not None:
        yield "carbon cap", any(_near(found, limits.carbon_cap_g) for found in _masses(text))
    if limits.max_intensity_g_per_kwh is not None:
        yield "intensity", any(_near(n, limits.max_intensity_g_per_kwh) for n in _numbers(text, " g/kWh"))
    if limits.min_renewable_pct is not None:
        yield "renewable share", any(_near(n, limits.min_renewable_pct) for n in _numbers(text, " %"))
    if limits.max_cost_gbp is not None:
        yield "cost", any(_near(found, limits.max_cost_gbp) for found in _money(text))


def _is_told(text: str, option: Option) -> bool:
    """Site, start, carbon and price."""
    has_carbon = option.carbon_g < 0.06 or any(_near(found, option.carbon_g, 0.06) for found in _masses(text))
    cost = option.cost_gbp
    has_cost = cost is None or abs(cost) < 0.001 or any(_near(found, abs(cost)) for found in _money(text))
    return option.asset.name in text and _clock(option.start) in text and has_carbon and has_cost


def _trades(options: list[Option], now: Option | None) -> Iterator[tuple[Option, Option]]:
    """Pairs of which one is cleaner and the other cheaper, both by more than is shown: the first beside running now,
    and the others beside the first."""
    pairs = [(options[0], now)] if now is not None else []
    pairs += [(other, options[0]) for other in options[1:]]
    for one, other in pairs:
        if one.cost_gbp is None or other.cost_gbp is None:
            continue
        grams, pounds = one.carbon_g - other.carbon_g, one.cost_gbp - other.cost_gbp
        if grams * pounds < 0 and abs(grams) > 0.06 and abs(pounds) > 0.0006:
            yield one, other


def _words(outcome: Outcome) -> Iterator[str]:
    compute = outcome.state["compute"]
    yield from (" ".join(read.constraint.quote.split()) for read in compute.constraints)
    yield from (" ".join(found.quote.split()) for found in compute.findings)
    yield from (" ".join(words.split()) for words in (*compute.not_understood, *compute.unread))


def _masses(text: str) -> Iterator[float]:
    for number, unit in re.findall(_NUMBER + r" (kg|g|t)\b(?!/)", text):
        yield float(number.replace(",", "")) * {"g": 1.0, "kg": 1e3, "t": 1e6}[unit]


def _numbers(text: str, unit: str) -> Iterator[float]:
    return (float(number.replace(",", "")) for number in re.findall(_NUMBER + re.escape(unit), text))


def _money(text: str) -> Iterator[float]:
    for pounds, pence in _MONEY.findall(text):
        yield float(pounds.replace(",", "")) if pounds else float(pence) / 100


def _near(stated: float, true: float, least: float = 1e-3) -> bool:
    """Two digits at least, down to the last digit that is shown."""
    return abs(stated - true) <= max(0.05 * abs(true), least)


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone(UK):%a %d %b %H:%M}"
