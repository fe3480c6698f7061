"""What a stored sentence may say: the figures, times, places and names that code knows to be true."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from langchain_core.messages import AnyMessage, ToolMessage
from pydantic import JsonValue

from agents.grounding.claims import Measure
from agents.request.amounts import Quantity, find_amounts
from agents.request.places import regions_named
from agents.request.times import find_times
from persistence.workload import Workload
from tools.placement import Limits, Option, Problem
from tools.regions import region_name
from tools.toolkit.summary import option_summary

_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?Z")
_SUFFIXES: tuple[tuple[str, Quantity, float], ...] = (
    (r"g_per_kwh$", "g_per_kwh", 1.0),
    (r"gbp_per_kwh$", "gbp_per_kwh", 1.0),
    (r"gbp_per_tonne$", "gbp_per_tonne", 1.0),
    (r"gbp$", "gbp", 1.0),
    (r"pct$", "pct", 1.0),
    (r"kwh$", "kwh", 1.0),
    (r"kw$", "kw", 1.0),
    (r"(?:minutes|mins)$", "minutes", 1.0),
    (r"hours$", "minutes", 60.0),
    (r"gpus?$|gpu_count$", "gpu", 1.0),
    (r"cores$", "cores", 1.0),
    (r"memory_gb$", "gb", 1.0),
    (r"(?:^|_)g$|gco2$", "g", 1.0),
    (r"^confidence$", "pct", 100.0),
)
_PLACE_KEYS = frozenset({"region", "asset", "preferred"})
_SAVED: dict[str, tuple[Measure, Quantity]] = {
    "carbon_g": ("carbon", "g"),
    "carbon_pct": ("carbon", "pct"),
    "cost_gbp": ("cost", "gbp"),
    "cost_pct": ("cost", "pct"),
    "objective_pct": ("objective", "pct"),
}


@dataclass(frozen=True)
class Change:
    """How one option's figure differs from another's."""

    measure: Measure
    quantity: Quantity
    """Unit of `by`; "pct" also for a share of the other's figure, "times" for a multiple of it."""
    by: float
    """Mine minus its, so that less is negative; a multiple is mine over its."""
    of: str | None
    """An option's id, "now" for running now; None: any option."""
    than: str | None
    """None: no option, such as the clock, a deadline or a threshold."""


@dataclass(frozen=True)
class Side:
    """By what a text can name an option."""

    asset: str
    region: int
    times: frozenset[datetime]


@dataclass
class Facts:
    """A growing collection; what is added can be said."""

    now: datetime
    numbers: dict[Quantity | None, set[float]] = field(default_factory=dict)
    """Levels: what something is, not by how much it differs."""
    changes: set[Change] = field(default_factory=set)
    sides: dict[str, Side] = field(default_factory=dict)
    """The options that are compared, by id."""
    about: frozenset[str] = frozenset()
    """Ids of the options that a sentence speaks of where it names none; "now" too where that is the same."""
    instants: set[datetime] = field(default_factory=set)
    regions: set[int] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    """Words of names, lower case."""
    ids: set[str] = field(default_factory=set)

    def add_number(self, value: float, quantity: Quantity | None = None) -> None:
        self.numbers.setdefault(quantity, set()).add(abs(value))

    def add_name(self, text: str) -> None:
        self.words.update(re.findall(r"[^\W_]+", text.lower()))

    def add_region(self, region: int) -> None:
        self.regions.add(region)
        self.add_name(region_name(region))

    def add_text(self, text: str) -> None:
        """Sentences that code wrote or confirmed: everything they say may be said again."""
        for amount in find_amounts(text):
            self.add_number(amount.value, amount.quantity)
        self.instants.update(
            instant for side in ("earliest", "latest") for _, instant in find_times(text, self.now, side)
        )
        for region in regions_named(text):
            self.add_region(region)
        self.add_name(text)

    def add_json(self, value: JsonValue, quantity: Quantity | None = None, scale: float = 1.0) -> None:
        """A tool's answer: units are told by the keys, as in `intensity_g_per_kwh`."""
        if isinstance(value, dict):
            for key, child in value.items():
                if key == "saved" and isinstance(child, dict):
                    self._add_saved(child, str(value.get("id", "")) or None)
                else:
                    self._add_member(key, child, quantity, scale)
        elif isinstance(value, list):
            for child in value:
                self.add_json(child, quantity, scale)
        elif isinstance(value, bool) or value is None:
            return
        elif isinstance(value, int | float):
            self.add_number(value * scale, quantity)
        elif _STAMP.fullmatch(value):
            self.instants.add(datetime.fromisoformat(value))
        else:
            self.add_text(value)

    def _add_member(self, key: str, value: JsonValue, quantity: Quantity | None, scale: float) -> None:
        if key == "id" and isinstance(value, str):
            self.ids.add(value)
        elif key in _PLACE_KEYS and isinstance(value, str):
            self.add_name(value)
            self.regions.update(regions_named(value))
        else:
            self.regions.update(regions_named(key) if key[:1].isupper() else ())
            if key == "confidence" and isinstance(value, int | float):
                self.add_number(value)
            self.add_json(value, *(_unit(key) or (quantity, scale)))

    def _add_saved(self, saved: Mapping[str, JsonValue], of: str | None) -> None:
        for key, (measure, quantity) in _SAVED.items():
            value = saved.get(key)
            if isinstance(value, int | float):
                self.changes.add(Change(measure, quantity, -value, of, "now"))

    def add_option(self, option: Option) -> None:
        """Everything that may be said of one placement."""
        self.add_json(option_summary(option))
        self.add_region(option.asset.region)
        self.add_name(option.asset.name)
        self.regions.update(regions_named(option.asset.name))
        for segment in option.segments:
            self.instants.update({segment.start, segment.end})
        self.add_number(_minutes(option.end - option.start), "minutes")
        self.add_delay("start", option.start - self.now, option.option_id, None)
        self.add_delay("end", option.end - self.now, option.option_id, None)
        self.add_number(sum(_minutes(s.end - s.start) for s in option.segments), "minutes")
        self.add_json({"energy_kwh": option.energy_kwh, "carbon_g": option.carbon_g, "cost_gbp": option.cost_gbp})

    def add_delay(self, measure: Measure, delay: timedelta, of: str | None, than: str | None) -> None:
        self.changes.add(Change(measure, "minutes", _minutes(delay), of, than))

    def add_comparisons(self, options: Sequence[Option]) -> None:
        """Differences and multiples of every pair's carbon, intensity, cost, renewable share and energy, and times."""
        for one in options:
            ends = frozenset(at for segment in one.segments for at in (segment.start, segment.end))
            self.sides[one.option_id] = Side(one.asset.name, one.asset.region, ends)
            for other in options:
                if one is not other:
                    self._compare(one, other)

    def _compare(self, one: Option, other: Option) -> None:
        of, than = one.option_id, other.option_id
        for measure, quantity, mine, its in _pairs(one, other):
            self.changes.add(Change(measure, quantity, mine - its, of, than))
            if its:
                self.changes.add(Change(measure, "pct", 100 * (mine - its) / abs(its), of, than))
                self.changes.add(Change(measure, "times", mine / its, of, than))
        self.add_delay("start", one.start - other.start, of, than)
        self.add_delay("end", one.end - other.end, of, than)

    def merged(self, other: "Facts") -> "Facts":
        """Both together."""
        keys = {*self.numbers, *other.numbers}
        return Facts(
            now=self.now,
            numbers={key: self.numbers.get(key, set()) | other.numbers.get(key, set()) for key in keys},
            changes=self.changes | other.changes,
            sides=self.sides | other.sides,
            about=self.about or other.about,
            instants=self.instants | other.instants,
            regions=self.regions | other.regions,
            words=self.words | other.words,
            ids=self.ids | other.ids,
        )


@cache
def _unit(key: str) -> tuple[Quantity, float] | None:
    """What a key's ending says of the figures under it; None where it says nothing."""
    return next(((quantity, scale) for ending, quantity, scale in _SUFFIXES if re.search(ending, key)), None)


def request_facts(workload: Workload, problem: Problem, confirmed: Iterable[str] = ()) -> Facts:
    """What the row's columns, the limits made from them and the confirmed words of its text say.

    The rest of the free text grounds nothing, nor do the figures and places in the workload's name: else a request
    could put numbers into the mouth of its own recommendation.
    """
    facts = Facts(now=problem.now)
    facts.instants.add(problem.now)
    facts.add_name(workload.workload_name)
    columns = workload.model_dump(exclude={"id", "workload_name", "request_text", "host_dc"})
    facts.add_json(_plain({key: value for key, value in columns.items() if value is not None}))
    if problem.preferred_asset:
        facts.add_name(problem.preferred_asset)
        facts.regions.update(asset.region for asset in problem.assets if asset.name == problem.preferred_asset)
    job = problem.job
    facts.add_json(_plain(job.model_dump()))
    facts.add_json(_plain({key: value for key, value in _limits(problem.limits).items() if value is not None}))
    facts.changes.add(Change("objective", "pct", -100 * problem.min_saving, None, None))
    facts.add_number(problem.carbon_price_gbp_per_tonne, "gbp_per_tonne")
    for region in problem.limits.required_regions or ():
        facts.add_region(region)
    for region in problem.limits.excluded_regions:
        facts.add_region(region)
    for text in confirmed:
        facts.add_text(text)
    return facts


def add_tool_results(facts: Facts, messages: Sequence[AnyMessage]) -> None:
    """Everything that the agent's tools answered; a text that is no JSON object says nothing."""
    for message in messages:
        if isinstance(message, ToolMessage) and message.status == "success":
            try:
                facts.add_json(json.loads(message.text))
            except ValueError:
                continue


def _limits(limits: Limits) -> dict[str, object]:
    return {
        "earliest_start": limits.earliest_start,
        "latest_start": limits.latest_start,
        "latest_finish": limits.latest_finish,
        "carbon_cap_g": limits.carbon_cap_g,
        "max_intensity_g_per_kwh": limits.max_intensity_g_per_kwh,
        "min_renewable_pct": limits.min_renewable_pct,
        "max_cost_gbp": limits.max_cost_gbp,
    }


def _plain(values: Mapping[str, object]) -> dict[str, JsonValue]:
    plain: dict[str, JsonValue] = {}
    for key, value in values.items():
        if isinstance(value, datetime):
            plain[key] = f"{value.astimezone(UTC):%Y-%m-%dT%H:%M}Z"
        elif isinstance(value, bool | int | float | str):
            plain[key] = value
        elif isinstance(value, list | tuple):
            plain[key] = [str(item) for item in value]
    return plain


def _pairs(one: Option, other: Option) -> Iterator[tuple[Measure, Quantity, float, float]]:
    yield "intensity", "g_per_kwh", one.intensity_g_per_kwh, other.intensity_g_per_kwh
    yield "carbon", "g", one.carbon_g, other.carbon_g
    if one.renewable_pct is not None and other.renewable_pct is not None:
        yield "renewable", "pct", one.renewable_pct, other.renewable_pct
    yield "energy", "kwh", one.energy_kwh, other.energy_kwh
    if one.cost_gbp is not None and other.cost_gbp is not None:
        yield "cost", "gbp", one.cost_gbp, other.cost_gbp


def _minutes(span: timedelta) -> float:
    return span.total_seconds() / 60
