"""Two placements beside each other: the absolute difference first, a share where its base means something, and what
the carbon saved or added is paid with."""

from csv import DictReader
from importlib.resources import files

from agents.text import figures
from agents.text.claims import Compared, Measure, Who
from agents.text.figures import listed, mass, money, percent, rate
from agents.text.situation import Situation
from tools.placement import Option

_GRAMS_PER_TONNE = 1e6
_LEAST_MULTIPLE, _MOST_MULTIPLE = 1.5, 100.0


_TABLE = files("agents.text").joinpath("measures.csv").read_text(encoding="utf-8")
WORDS = {row["measure"]: row for row in DictReader(_TABLE.splitlines())}
"""How each measure is told; `{}` holds the difference with its share, `{one}` and `{other}` what stands instead."""


def value(option: Option, of: Measure) -> float | None:
    """None where a price is not known."""
    found: float | None = getattr(option, WORDS[of]["field"])
    return found


def figure(of: Measure, amount: float) -> str:
    """As it is written."""
    text: str = getattr(figures, WORDS[of]["figure"])(amount)
    return text


def shown(option: Option, of: Measure) -> str | None:
    """The option's figure; None where it is not known."""
    found = value(option, of)
    return None if found is None else figure(of, found)


def compared(claim: Compared, about: Situation) -> str | None:
    """As in "Compared with running now, Wales emits 1.02 kg (92 %) less CO2 but costs 3p more; that is £29 …"."""
    pair = about.pair(claim.who, claim.than)
    if pair is None:
        return None
    told = _told(claim, pair, about)
    return told and f"compared with {about.name(claim.than)}, {about.name(claim.who)} {told}"


def difference(who: Who, than: Who, about: Situation) -> str | None:
    """The same as a predicate, in carbon and cost: "emits 1.02 kg (92 %) less CO2 and costs £0.15 (20 %) less"."""
    pair = about.pair(who, than)
    claim = Compared(kind="compared", who=who, than=than, of=["carbon", "cost"])
    return pair and _told(claim, pair, about)


def beside(one: Option, other: Option) -> str:
    """In a few words, as in "42 g less CO2 but 7.4p dearer, £1,776 paid per tonne avoided"."""
    carbon, cost = _side("carbon", one, other), _side("cost", one, other)
    emits = (
        f"{mass(abs(one.carbon_g - other.carbon_g))} {'more' if carbon > 0 else 'less'} CO2"
        if carbon
        else "as much CO2"
    )
    if one.cost_gbp is None or other.cost_gbp is None:
        return emits
    costs = f"{money(abs(one.cost_gbp - other.cost_gbp))} {'dearer' if cost > 0 else 'cheaper'}" if cost else "as cheap"
    price = carbon_price(one, other)
    if price is None:
        return f"{emits} and {costs}"
    if carbon < 0:
        return f"{emits} but {costs}, {rate(price)} paid per tonne avoided"
    return f"{costs} but {emits}, {rate(price)} saved per tonne added"


def carbon_price(one: Option, other: Option) -> float | None:
    """GBP per tonne of CO2 that one placement pays for emitting less than another, or saves by emitting more; None
    where it is no such trade."""
    if one.cost_gbp is None or other.cost_gbp is None or _side("carbon", one, other) * _side("cost", one, other) >= 0:
        return None
    return abs((one.cost_gbp - other.cost_gbp) / (one.carbon_g - other.carbon_g)) * _GRAMS_PER_TONNE


def weight(about: Situation) -> str:
    return f"carbon counts for {rate(about.problem.carbon_price_gbp_per_tonne)} per tonne here"


def _told(claim: Compared, pair: tuple[Option, Option], about: Situation) -> str | None:
    one, other = pair
    price = carbon_price(one, other)
    measures = dict.fromkeys(claim.of)
    if price is not None:
        measures |= dict.fromkeys(("carbon", "cost"))  # whoever tells one side of a trade tells the other
    said = [
        (part, _side(of, one, other) * (1 if of == "renewable" else -1))
        for of in measures
        if (part := _part(of, one, other, claim))
    ]
    better, worse = ([part for part, merit in said if merit in sides] for sides in ((0, 1), (-1,)))
    text = " but ".join(listed(group) for group in (better, worse) if group)
    if not text or price is None:
        return text or None
    did = "paid per tonne of CO2 avoided" if one.carbon_g < other.carbon_g else "saved per tonne of CO2 added"
    return f"{text}; that is {rate(price)} {did}, and {weight(about)}"


def _part(of: Measure, one: Option, other: Option, claim: Compared) -> str | None:
    words, a, b, side = WORDS[of], value(one, of), value(other, of), _side(of, one, other)
    if a is None or b is None:
        return None
    first, second, nothing = figure(of, a), figure(of, b), figure(of, 0)
    if not side:
        return words["same"]
    if of == "carbon" and second == nothing:
        return f"emits {first} of CO2 instead of none"
    if of == "carbon" and first == nothing:
        return f"emits no CO2 ({second} less)"
    if claim.how == "multiple" and of in ("carbon", "cost") and b > 0 and _LEAST_MULTIPLE <= a / b <= _MOST_MULTIPLE:
        times = f"{a / b:.1f} times as much"
        return f"{f'emits {times} CO2' if of == 'carbon' else f'costs {times}'} ({first} against {second})"
    share = _share(a, b) if claim.how == "share" else ""
    return words["more" if side > 0 else "less"].format(f"{figure(of, abs(a - b))}{share}", one=first, other=second)


def _share(a: float, b: float) -> str:
    """Of a change by at most its whole base; more than that, or of nothing or less, is not told in percent."""
    if b <= 0 or a < 0 or not 0.005 <= abs(a - b) / b <= 1:
        return ""
    share = 100 * abs(a - b) / b
    return " (over 99 %)" if 99 < share < 100 else f" ({percent(share)})"


def _side(of: Measure, one: Option, other: Option) -> int:
    """-1 less, 1 more, 0 where the difference is too small to be shown."""
    a, b = value(one, of), value(other, of)
    if a is None or b is None:
        return 0
    by_levels = "{one}" in WORDS[of]["less"]
    is_same = figure(of, a) == figure(of, b) if by_levels else figure(of, abs(a - b)) == figure(of, 0)
    return 0 if is_same else 1 if a > b else -1
