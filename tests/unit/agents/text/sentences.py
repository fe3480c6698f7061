"""An oracle for rendered sentences: it takes every figure, direction, place and instant out of a sentence again, and
recomputes it minute by minute from the market's arrays. It shares no code with the renderer."""

import re
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from tools.market import Market
from tools.placement import Option, Problem
from tools.regions import REGIONS
from tools.solver.baseline import runs_now

LONDON = ZoneInfo("Europe/London")
NAMES = {region.region_id: region.name for region in REGIONS}
MASS = r"(?:[\d,]+(?:\.\d+)?) (?:kg|g|t)"
MONEY = r"-?(?:£[\d,]+(?:\.\d+)?|[\d.]+p)"
CLOCK = r"\w{3} \d\d \w{3} \d\d:\d\d(?: BST| GMT)?"
SPAN = rf"{CLOCK} to (?:{CLOCK}|\d\d:\d\d)"
LENGTH = r"(?:\d+ h \d+ min|\d+ h|\d+ min)"
PERCENT = r"-?[\d.]+ %"
UNITS = {"g": 1.0, "kg": 1000.0, "t": 1e6}


def number(text: str) -> tuple[float, float]:
    """Value and half its last digit."""
    plain = re.sub(r"[^\d.\-]", "", text)
    digits = len(plain.partition(".")[2])
    return float(plain), 0.5 * 10**-digits


def mass(text: str) -> tuple[float, float]:
    value, half = number(text)
    unit = UNITS[text.split()[-1]]
    return value * unit, half * unit


def money(text: str) -> tuple[float, float]:
    value, half = number(text)
    return (value, half) if "£" in text else (value / 100, half / 100)


def minutes(text: str) -> int:
    return sum(int(n) * (60 if unit == "h" else 1) for n, unit in re.findall(r"(\d+) (h|min)", text))


def near(told: tuple[float, float], true: float) -> None:
    value, half = told
    assert abs(value - true) <= half * (1 + 1e-6) + 1e-9 * max(1.0, abs(true)), (value, true)


@cache
def british_clock(start: datetime) -> dict[str, datetime]:
    """What a British clock shows at each minute of a market's days; the hour that comes twice is there with its zone
    only."""
    shown: dict[str, datetime] = {}
    twice: set[str] = set()
    for minute in range(-60 * 24, 60 * 24 * 5):
        at = start + timedelta(minutes=minute)
        local = at.astimezone(LONDON)
        text = f"{local:%a %d %b %H:%M}"
        if text in shown:
            twice.add(text)
        shown[text] = shown[f"{text} {local:%Z}"] = at
    return {text: at for text, at in shown.items() if text not in twice}


class Truth:
    """What is true of one decision."""

    def __init__(self, problem: Problem, market: Market, options: tuple[Option, ...], now: Option | None) -> None:
        self.problem, self.market, self.options, self.now = problem, market, options, now

    def option(self, who: str) -> Option | None:
        if who == "now":
            return self.now
        place = ["first", "second", "third"].index(who)
        return self.options[place] if place < len(self.options) else None

    def named(self, name: str) -> Option | None:
        """Whom a sentence calls so."""
        if name in ("running now", "starting as soon as allowed"):
            return self.now
        region, _, start = name.partition(" from ")
        found = [
            option
            for option in self.options
            if region in (NAMES[option.asset.region], option.asset.name)
            and (not start or f"{option.start.astimezone(LONDON):%a %H:%M %Z}".startswith(start))
        ]
        assert len(found) == 1, (name, found)
        return found[0]

    def minute_row(self, option: Option, layer: str) -> np.ndarray:
        """One value a minute of the run."""
        row = self.market.regions.index(option.asset.region)
        series = np.repeat(getattr(self.market, layer)[row], 30)
        runs = [
            [round((time - self.market.start).total_seconds() / 60) for time in (segment.start, segment.end)]
            for segment in option.segments
        ]
        marks = [minute for start, end in runs for minute in range(start, end)]
        return series[marks]

    def energy(self, option: Option) -> float:
        job = self.problem.job
        ran = sum((s.end - s.start).total_seconds() / 60 for s in option.segments)
        scale = 1.0 if job.energy_is_stated else option.asset.pue / job.reference_pue
        return job.energy_kwh * scale * ran / job.duration_minutes

    def measure(self, option: Option, of: str) -> float | None:
        if option.asset.name.startswith("the mean of "):
            return self.mean_over_places(option, of)
        if of == "energy":
            return self.energy(option)
        layer = {"carbon": "intensity", "intensity": "intensity", "renewable": "renewable", "cost": "price_gbp_per_kwh"}
        mean = float(self.minute_row(option, layer[of]).mean())
        if np.isnan(mean):
            return None
        return mean * self.energy(option) if of in ("carbon", "cost") else mean

    def mean_over_places(self, option: Option, of: str) -> float | None:
        """Running now without a preferred site: the mean over the places where it could, each recomputed."""
        if of == "intensity":
            carbon, energy = self.measure(option, "carbon"), self.measure(option, "energy")
            return None if carbon is None or energy is None else carbon / energy
        each = [self.measure(there, of) for there in runs_now(self.problem, self.market)]
        return None if any(one is None for one in each) else float(np.mean([one for one in each if one is not None]))

    def instant(self, text: str) -> datetime:
        return british_clock(self.market.start)[text]

    def check_span(self, text: str, start: datetime, end: datetime) -> None:
        begin, _, close = text.partition(" to ")
        assert self.instant(begin) == start, (text, start)
        if re.fullmatch(r"\d\d:\d\d", close):
            assert f"{end.astimezone(LONDON):%H:%M}" == close
            assert start.astimezone(LONDON).date() == end.astimezone(LONDON).date()
        else:
            assert self.instant(close) == end, (text, end)


class Sentence:
    """What is left of a sentence; each pattern that is checked is taken out, and no digit may be left over."""

    def __init__(self, text: str) -> None:
        self.text, self.left = text, text

    def take(self, pattern: str) -> re.Match[str] | None:
        match = re.search(pattern, self.left)
        if match:
            self.left = self.left[: match.start()] + " | " + self.left[match.end() :]
        return match

    def is_used_up(self, *allowed: str) -> None:
        rest = self.left
        for text in sorted(allowed, key=len, reverse=True):
            rest = rest.replace(text, "")
        rest = rest.replace("CO2", "")
        assert not re.search(r"\d|\bless\b|\bmore\b|cheaper|dearer|cleaner|dirtier", rest), (self.text, rest)


SHARE = rf"(?: \((?P<share>over 99 %|{PERCENT})\))?"
SIDE = "(?P<side>less|more|cleaner|dirtier)"


def by_amount(read):
    def check(match: re.Match[str], a: float, b: float) -> None:
        near(read(match["amount"]), abs(a - b))
        assert (match["side"] == "less") == (a < b)
        share = match["share"]
        if share and share.startswith("over"):
            assert 0.99 < abs(a - b) / b <= 1 + 1e-9
        elif share:
            near(number(share), 100 * abs(a - b) / b)
        assert not share or (a >= -1e-9 and b > 0 and abs(a - b) <= b * (1 + 1e-9)), "a share of too small a base"

    return check


def by_levels(read, *, multiple: bool = False):
    def check(match: re.Match[str], a: float, b: float) -> None:
        near(read(match["a"]), a)
        near(read(match["b"]), b)
        if multiple:
            near(number(match["times"]), a / b)
        else:
            assert (match["side"] in ("less", "cleaner")) == (a < b)

    return check


def to_none(match: re.Match[str], a: float, b: float) -> None:
    near(mass(match["b"]), b)
    assert a <= 0.05 + 1e-9


def from_none(match: re.Match[str], a: float, b: float) -> None:
    near(mass(match["a"]), a)
    assert b <= 0.05 + 1e-9


def same(within: float):
    def check(_match: re.Match[str], a: float, b: float) -> None:
        assert abs(a - b) <= within * (1 + 1e-9) + 1e-12

    return check


DIFFERENCES = (
    ("carbon", rf"emits (?P<amount>{MASS}){SHARE} {SIDE} CO2", by_amount(mass)),
    ("carbon", rf"emits no CO2 \((?P<b>{MASS}) less\)", to_none),
    ("carbon", rf"emits (?P<a>{MASS}) of CO2 instead of none", from_none),
    ("carbon", "emits as much CO2", same(0.05)),
    (
        "carbon",
        rf"emits (?P<times>[\d.]+) times as much CO2 \((?P<a>{MASS}) against (?P<b>{MASS})\)",
        by_levels(mass, multiple=True),
    ),
    ("cost", rf"costs (?P<amount>{MONEY}){SHARE} {SIDE}", by_amount(money)),
    (
        "cost",
        rf"costs (?P<times>[\d.]+) times as much \((?P<a>{MONEY}) against (?P<b>{MONEY})\)",
        by_levels(money, multiple=True),
    ),
    ("cost", "costs the same", same(0.0005)),
    ("energy", rf"uses (?P<amount>[\d.,]+ kWh){SHARE} {SIDE} energy", by_amount(number)),
    ("energy", "uses as much", same(0.0006)),
    (
        "intensity",
        rf"runs on a {SIDE} grid \((?P<a>[\d.]+) g/kWh against (?P<b>[\d.]+) g/kWh\)",
        by_levels(number),
    ),
    ("intensity", "runs on an equally clean grid", same(1.0)),
    ("renewable", rf"has {SIDE} renewable power \((?P<a>{PERCENT}) against (?P<b>{PERCENT})\)", by_levels(number)),
    ("renewable", "has as much renewable power", same(1.0)),
)


def check_difference(sentence: Sentence, truth: Truth, one: Option, other: Option) -> set[str]:
    """All that a comparison says: amounts, shares, multiples, directions, the price of the carbon.

    Returns the measures that it compares."""
    found: set[str] = set()
    for of, pattern, check in DIFFERENCES:
        if match := sentence.take(pattern):
            a, b = truth.measure(one, of), truth.measure(other, of)
            assert a is not None, sentence.text
            assert b is not None, sentence.text
            check(match, a, b)
            found.add(of)
    check_price_of_carbon(sentence, truth, one, other)
    assert found, sentence.text
    return found


def check_beside(sentence: Sentence, truth: Truth, one: Option, other: Option) -> None:
    """ "42 g less CO2 but 7.4p dearer, £1,776 paid per tonne avoided" """
    a, b = truth.measure(one, "carbon"), truth.measure(other, "carbon")
    assert a is not None
    assert b is not None
    if match := sentence.take(rf"({MASS}) (less|more) CO2"):
        near(mass(match[1]), abs(a - b))
        assert (match[2] == "less") == (a < b)
    else:
        assert sentence.take("as much CO2")
        assert abs(a - b) <= 0.05 + 1e-9
    if one.cost_gbp is None or other.cost_gbp is None:
        return
    c, d = truth.measure(one, "cost"), truth.measure(other, "cost")
    assert c is not None
    assert d is not None
    if match := sentence.take(rf"({MONEY}) (cheaper|dearer)"):
        near(money(match[1]), abs(c - d))
        assert (match[2] == "cheaper") == (c < d)
    else:
        assert sentence.take("as cheap")
        assert abs(c - d) <= 0.0005 + 1e-9
    check_price_of_carbon(sentence, truth, one, other)


def check_price_of_carbon(sentence: Sentence, truth: Truth, one: Option, other: Option) -> None:
    carbon = [truth.measure(option, "carbon") for option in (one, other)]
    cost = [truth.measure(option, "cost") for option in (one, other)]
    match = sentence.take(rf"({MONEY}) (paid|saved) per tonne(?: of CO2)? (avoided|added)")
    grams = carbon[0] - carbon[1]  # type: ignore[operator]
    pounds = None if None in cost else cost[0] - cost[1]  # type: ignore[operator]
    is_trade = pounds is not None and grams * pounds < 0 and abs(grams) > 0.051 and abs(pounds) > 0.00051
    if match:
        assert pounds is not None
        assert grams * pounds < 0
        value, half = money(match[1])
        true = abs(pounds / grams) * 1e6
        assert abs(value - true) <= half + 1e-6 * true
        assert (match[2], match[3]) == (("paid", "avoided") if grams < 0 else ("saved", "added"))
    else:
        assert not is_trade, (sentence.text, "the carbon price is not told")
    if match := sentence.take(rf"carbon counts for ({MONEY}) per tonne here"):
        near(money(match[1]), truth.problem.carbon_price_gbp_per_tonne)
