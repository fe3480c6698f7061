"""Every figure, direction, place and instant that code writes is recomputed from the arrays by another method."""

import re
from datetime import timedelta
from itertools import product
from random import Random

import numpy as np
import pytest

from agents.text.claims import Compared, Extreme, Levels, Limit, OfOne, Sure, Timing
from agents.text.render import say
from agents.text.situation import Situation
from agents.text.summary import reasoning, summary, windows
from tests.thorough import tries
from tests.unit.agents.text.decisions import situations
from tests.unit.agents.text.sentences import (
    CLOCK,
    LENGTH,
    MASS,
    MONEY,
    NAMES,
    PERCENT,
    SPAN,
    Sentence,
    Truth,
    check_beside,
    check_difference,
    mass,
    minutes,
    money,
    near,
    number,
)
from tools.solver.confidence import confidence

PROBLEMS, ORDERS = tries(60, 230), 10
HALF_HOUR = timedelta(minutes=30)
WHO = ("first", "second", "third", "now")
MEASURES = ("carbon", "intensity", "renewable", "cost", "energy")
READERS = {"carbon": mass, "cost": money}
FIGURE = {
    "carbon": rf"emits ({MASS}) of CO2",
    "intensity": r"runs at ([\d.]+ g/kWh)",
    "renewable": rf"has ({PERCENT}) renewable power",
    "cost": rf"costs ({MONEY})",
}


def test_every_claim_that_is_said_is_true() -> None:
    decisions = said = 0
    for about, random in situations(PROBLEMS, ORDERS):
        truth = Truth(about.problem, about.market, about.options, about.now)
        decisions += 1
        for claim, check in some_claims(random):
            text = say(claim, about)
            if text is not None:
                said += 1
                assert text[0].isupper() or not text[0].isalpha()
                check(Sentence(text), claim, truth)
        check_summary(summary(about, ()), truth)
        place = random.randrange(len(about.options))
        check_texts(reasoning(place, about, ["why"]), windows(about, ()), truth, place)
    assert decisions >= 8 * PROBLEMS
    assert said >= 34 * PROBLEMS


def some_claims(random: Random):
    who, than, of = random.choice(WHO), random.choice(WHO), random.choice(MEASURES)
    several = random.sample(MEASURES, k=random.choice([1, 2, 3]))
    yield (
        Compared(kind="compared", who=who, than=than, of=several, how=random.choice(["amount", "share", "multiple"])),
        compared,
    )
    yield Compared(kind="compared", who="first", than=than, of=[of], how="share"), compared
    yield Levels(kind="levels", who=who, of=[m for m in several if m != "energy"] or ["cost"]), levels
    yield Extreme(kind="extreme", of=of, end=random.choice(["best", "worst"])), extreme
    yield Timing(kind="timing", who=who, than=than), timing
    yield OfOne(kind=random.choice(["placed", "pauses"]), who=who), placed
    yield OfOne(kind="why", who=who), why
    yield OfOne(kind="mix", who=who), mix
    yield OfOne(kind="trend", who=who), trend
    yield Sure(kind="sure", about=random.choice(["weights", "prices"])), sure
    yield (
        Limit(kind="limit", which=random.choice(["deadline", "start", "carbon", "intensity", "renewable", "cost"])),
        limit,
    )


def compared(sentence, claim, truth) -> None:
    match = sentence.take(r"^Compared with (?P<other>.+?), (?P<one>.+?) (?=emits|costs|runs on|uses|has )")
    assert match, sentence.text
    one, other = truth.named(match["one"]), truth.named(match["other"])
    assert one == truth.option(claim.who)
    assert other == truth.option(claim.than)
    check_difference(sentence, truth, one, other)
    sentence.is_used_up()


def levels(sentence, claim, truth) -> None:
    option = truth.option(claim.who)
    for of in claim.of:
        value = truth.measure(option, of)
        match = sentence.take(FIGURE[of])
        assert (match is None) == (value is None), sentence.text
        if match and value is not None:
            near(READERS.get(of, number)(match[1]), value)
    name = sentence.left.partition(" |")[0].strip()
    assert truth.named(_lowered(name)) == option
    sentence.is_used_up(name)


def extreme(sentence, claim, truth) -> None:
    match = sentence.take(r"^(.+?) (emits the|has the|is the|uses the) (\w+) ?(.*) of the (two|three) \((.+)\)")
    assert match, sentence.text
    option = truth.named(match[1])
    values = [truth.measure(other, claim.of) for other in truth.options]
    least = match[3] in ("least", "cleanest", "lowest", "cheapest")
    mine = truth.measure(option, claim.of)
    assert mine == (min if least else max)(values)
    assert least == ((claim.end == "best") != (claim.of == "renewable"))
    if claim.of == "energy":
        assert abs(number(match[6])[0] - mine) <= 0.006 * mine + 0.001
    else:
        near(READERS.get(claim.of, number)(match[6]), mine)
    sentence.is_used_up()


def timing(sentence, claim, truth) -> None:
    one, other = truth.option(claim.who), truth.option(claim.than)
    late = (one.start - other.start).total_seconds() / 60
    if match := sentence.take(rf"^(.+) starts ({LENGTH}) (later|earlier) than (.+)\.$"):
        assert minutes(match[2]) == abs(late)
        assert (match[3] == "later") == (late > 0)
        assert truth.named(_lowered(match[1])) == one
        assert truth.named(match[4]) == other
    else:
        assert sentence.take("^(.+) starts at the same time as (.+)$")
        assert late == 0


def placed(sentence, claim, truth) -> None:
    option = truth.option(claim.who)
    if match := sentence.take(rf"^(.+): (Site \w|the mean of \d+ places), ({SPAN}) UK time"):
        assert truth.named(_lowered(match[1])) == option
        assert match[2] == option.asset.name
        truth.check_span(match[3], option.start, option.end)
    elif match := sentence.take(r"^(.+) pauses (\d+) times?: it runs "):
        assert int(match[2]) == len(option.segments) - 1
        for segment in option.segments:
            truth.check_span(sentence.take(SPAN)[0], segment.start, segment.end)
    else:
        assert sentence.take("^(.+) takes no pause")
        assert len(option.segments) == 1
    sentence.is_used_up()


def why(sentence, claim, truth) -> None:
    option = truth.option(claim.who)

    def total(it) -> float:
        cost = 0.0 if it.cost_gbp is None else truth.measure(it, "cost")
        return cost + truth.measure(it, "carbon") * truth.problem.carbon_price_gbp_per_tonne / 1e6

    if sentence.take("is where it would run now, and no shift is worth it"):
        assert option.segments == truth.now.segments
        for option in truth.options:
            saved = total(truth.now) - total(option)
            enough = saved >= max(0.01, 0.05 * abs(total(truth.now))) + 1e-9
            dirtier = truth.measure(option, "carbon") > truth.measure(truth.now, "carbon") * (1 + 1e-6)
            unsure = confidence(truth.problem, truth.market, option, truth.now) < 0.6
            assert not enough or dirtier or unsure
        return
    match = sentence.take(rf"^(?P<name>.+?) comes to (?P<text>.*?)({MONEY}) with carbon priced at ({MONEY}) per tonne")
    match = match or sentence.take(
        rf"^(?P<name>.+?) comes to (?P<text>as much as .+?, )({MONEY}) with carbon priced at ({MONEY}) per tonne"
    )
    assert truth.named(match["name"]) == option
    near(money(match[3]), total(option))
    near(money(match[4]), truth.problem.carbon_price_gbp_per_tonne)
    if "lowest" in match["text"]:
        assert all(total(option) <= total(other) + 1e-9 for other in truth.options)
    if more := sentence.take(rf", ({MONEY}) (more|less) than (.+)\.$"):
        near(money(more[1]), abs(total(option) - total(truth.options[0])))
        assert (more[2] == "more") == (total(option) > total(truth.options[0]))
        assert truth.named(more[3]) == truth.options[0]
    sentence.is_used_up(match["text"])


def mix(sentence, claim, truth) -> None:
    option = truth.option(claim.who)
    match = sentence.take(r"^In (.+?) (?=wind)")
    assert match[1] == NAMES[option.asset.region]
    check_fuels(sentence, truth, option)
    if "; for" in sentence.text:
        check_fuels(sentence, truth, truth.now)
    sentence.is_used_up()


def check_fuels(sentence, truth, option) -> None:
    match = sentence.take(rf"wind, sun and water make ({PERCENT}) and nuclear ({PERCENT})")
    low, renewable = (truth.minute_row(option, layer).mean() for layer in ("low_carbon", "renewable"))
    near(number(match[1]), renewable)
    near(number(match[2]), low - renewable)


def trend(sentence, claim, truth) -> None:
    option, market, problem = truth.option(claim.who), truth.market, truth.problem
    series = market.intensity[market.regions.index(option.asset.region)]
    stop = market.start + market.slots * HALF_HOUR
    if problem.limits.latest_finish:
        stop = min(stop, problem.limits.latest_finish)
    if problem.limits.latest_start:
        stop = min(stop, problem.limits.latest_start + timedelta(minutes=problem.job.duration_minutes))
    slots = [(market.start + i * HALF_HOUR, value) for i, value in enumerate(series)]
    ahead = [(at, value) for at, value in slots if problem.now - HALF_HOUR < at < stop]
    match = sentence.take(r"^In (.+?) the carbon intensity is ([\d.]+) g/kWh now")
    assert match[1] == NAMES[option.asset.region]
    near(number(match[2]), ahead[0][1])
    low = min(value for _, value in ahead if not np.isnan(value))
    if match := sentence.take(rf"at its lowest ([\d.]+) g/kWh in the half-hour from ({CLOCK})"):
        near(number(match[1]), low)
        assert dict(ahead)[truth.instant(match[2])] == low
    else:
        match = sentence.take(rf"no lower until ({CLOCK})")
        assert truth.instant(match[1]) == stop
        assert ahead[0][1] - low <= 1.0
    sentence.is_used_up()


def sure(sentence, claim, truth) -> None:
    if match := sentence.take(rf"arbon counts for ({MONEY}) per tonne here"):
        near(money(match[1]), truth.problem.carbon_price_gbp_per_tonne)
    elif "price" in sentence.text and "no price" not in sentence.text.lower():
        row = truth.market.regions.index(truth.options[0].asset.region)
        used = [
            truth.market.price_estimated[row][_slot(truth, t)] for s in truth.options[0].segments for t in _ticks(s)
        ]
        assert ("estimated" in sentence.text) == any(used)
    sentence.is_used_up()


def limit(sentence, claim, truth) -> None:
    option, limits = truth.options[0], truth.problem.limits
    name = sentence.take(r"^(.+?) (?=ends|starts|emits|is at|has|costs)")
    assert truth.named(name[1]) == option
    while match := sentence.take(
        rf"(ends|starts) ({LENGTH} before|{LENGTH} after|exactly at) the (deadline|latest start|earliest start)"
        rf"(?:, ({CLOCK}))?"
    ):
        bound = {
            "deadline": limits.latest_finish,
            "latest start": limits.latest_start,
            "earliest start": limits.earliest_start,
        }
        gap = (bound[match[3]] - (option.end if match[1] == "ends" else option.start)).total_seconds() / 60
        assert gap == (0 if match[2].startswith("exactly") else minutes(match[2]) * (-1 if "after" in match[2] else 1))
        assert not match[4] or truth.instant(match[4]) == bound[match[3]]
    caps = {"carbon": limits.carbon_cap_g, "intensity": limits.max_intensity_g_per_kwh,
            "renewable": limits.min_renewable_pct, "cost": limits.max_cost_gbp}  # fmt: skip
    figure = rf"({MASS}|[\d.]+ g/kWh|{PERCENT}|{MONEY})"
    if match := sentence.take(
        rf"(?:emits|is at|has|costs) {figure}(?: renewable power)?, "
        rf"(?:just at|(?P<gap>.+?) (?P<side>below|above)) the limit of {figure}"
    ):
        read = READERS.get(claim.which, number)
        has, cap = truth.measure(option, claim.which), caps[claim.which]
        near(read(match[1]), has)
        near(read(match[4]), cap)
        if match["gap"]:
            near(read(match["gap"]), abs(cap - has))
            assert match["side"] == ("above" if has > cap else "below")
    sentence.is_used_up()


def check_summary(text: str, truth: Truth) -> None:
    first = truth.options[0]
    lead = re.match(
        rf"Run at (Site \w) in (.+?), ({SPAN}) UK time: ({MASS}) of CO2 \(([\d.]+) g/kWh, (.+?)\) (.+?)[.,] ", text
    )
    assert lead, text
    assert (lead[1], lead[2]) == (first.asset.name, NAMES[first.asset.region])
    truth.check_span(lead[3], first.start, first.end)
    near(mass(lead[4]), truth.measure(first, "carbon"))
    near(number(lead[5]), truth.measure(first, "intensity"))
    if first.cost_gbp is not None:
        cost = re.search(rf"({MONEY})", lead[7])
        near(money(cost[1]), abs(truth.measure(first, "cost")))
        assert ("paid to you" in lead[7]) == (first.cost_gbp < 0)
    if against := re.search(
        r"Compared with (running now|starting as soon as allowed) at (Site \w|the mean of \d+ places), "
        r"it (.+?)\. (?=[A-Z]|$)",
        text + " ",
    ):
        assert against[2] == truth.now.asset.name
        check_difference(Sentence(against[3]), truth, first, truth.now)
    else:
        assert truth.now is None or "nywhere" in text or "would run anyway" in text, text
    listed = re.search(r"Alternatives: (.+?)\. (?=[A-Z]|$)", text + " ")
    assert bool(listed) == (len(truth.options) > 1)
    if listed:
        check_alternatives(listed[1], truth)


def check_alternatives(text: str, truth: Truth) -> None:
    told = text.split("; ")
    assert len(told) == len(truth.options) - 1
    for words, option in zip(told, truth.options[1:], strict=True):
        match = re.fullmatch(rf"(Site \w) in (.+?), ({SPAN}), ({MASS}) of CO2 (.+?) \((.+)\)", words)
        assert match, words
        assert (match[1], match[2]) == (option.asset.name, NAMES[option.asset.region])
        truth.check_span(match[3], option.start, option.end)
        near(mass(match[4]), truth.measure(option, "carbon"))
        if option.cost_gbp is not None:
            near(money(re.search(MONEY, match[5])[0]), abs(truth.measure(option, "cost")))
        check_beside(Sentence(match[6]), truth, option, truth.options[0])


def check_texts(why: str, energy: str, truth: Truth, place: int) -> None:
    option = truth.options[place]
    lead = re.match(rf"(Site \w) in (.+?), ({SPAN}) UK time: ({MASS}) of CO2", why)
    assert lead[1] == option.asset.name
    truth.check_span(lead[3], option.start, option.end)
    near(mass(lead[4]), truth.measure(option, "carbon"))
    assert energy.startswith(f"First is {truth.options[0].asset.name} in ")


def _lowered(name: str) -> str:
    """A sentence's first word has a capital."""
    return name[0].lower() + name[1:] if name.lower() in ("running now", "starting as soon as allowed") else name


def _ticks(segment):
    at = segment.start
    while at < segment.end:
        yield at
        at += timedelta(minutes=1)


def _slot(truth, at) -> int:
    return int((at - truth.market.start).total_seconds() // 1800)


@pytest.mark.parametrize(("who", "than"), [*product(WHO, WHO)])
def test_nothing_is_compared_with_itself_or_with_nobody(who: str, than: str) -> None:
    about, _ = next(situations(3, 3))
    alone = Situation(about.problem, about.market, about.options[:1], about.options[0])
    text = say(Compared(kind="compared", who=who, than=than, of=["carbon"]), alone)
    assert text is None
