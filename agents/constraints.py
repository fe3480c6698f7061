"""What the words of a request can ask for: one typed vocabulary for readers, verifier, search and page.

Stored in checkpoints: never move or rename a class; new fields get defaults.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue

from tools.placement import Value
from tools.regions import REGION_IDS, region_name
from tools.slots import UK

Strength: TypeAlias = Literal["must", "should"]
"""A `must` that cannot be kept fails the row; a `should` is given up, and that is said."""
ReadBy: TypeAlias = Literal["model", "rules"]
Outcome: TypeAlias = Literal["applied", "given_up", "refused", "unsupported"]
Weekday: TypeAlias = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _aware(instant: datetime) -> datetime:
    """An instant without an offset is UK time, as the words of a request are."""
    return instant if instant.tzinfo else instant.replace(tzinfo=UK)


def _known(regions: tuple[int, ...]) -> tuple[int, ...]:
    unknown = sorted(set(regions) - set(REGION_IDS))
    if unknown or not regions:
        msg = f"regions must be numbers from 1 to 14, got {unknown or 'none'}"
        raise ValueError(msg)
    return tuple(sorted(set(regions)))


def _minutes(value: object) -> object:
    """ "24:00" is a day's end: midnight."""
    return "00:00" if value in {"24:00", "24:00:00"} else value


Instant: TypeAlias = Annotated[datetime, AfterValidator(_aware)]
Clock: TypeAlias = Annotated[time, BeforeValidator(_minutes)]
Regions: TypeAlias = Annotated[tuple[int, ...], AfterValidator(_known)]
Amount: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]


ALLOWED: Any = Field(description="true: only so; false: not so.")


def _require_kind(schema: dict[str, Any]) -> None:
    schema["required"] = ["kind", *schema.get("required", ())]


class Said(Value):
    """What every constraint has."""

    model_config = ConfigDict(frozen=True, json_schema_extra=_require_kind)

    quote: str = Field(
        description="The words that say it, copied exactly, with place, time or amount and what negates or bounds it."
    )
    strength: Strength = Field("must", description="must, or a wish.")

    @abstractmethod
    def phrase(self) -> str:
        """As words say it, without its strength: "only in London", "not between 16:00 and 19:00"."""


class Region(Said):
    kind: Literal["region"] = "region"
    regions: Regions = Field(description="Ids that the words name.")
    allowed: bool = ALLOWED

    def phrase(self) -> str:
        return f"{_only(self.allowed)} in {region_names(self.regions)}"


class Site(Said):
    kind: Literal["site"] = "site"
    sites: tuple[str, ...] = Field(description="Names of data centres.")
    allowed: bool = ALLOWED

    def phrase(self) -> str:
        return f"{_only(self.allowed)} at {_listed(self.sites, 'or')}"


class Hardware(Said):
    kind: Literal["hardware"] = "hardware"
    gpu_model: str = Field(description="Such as H100.")
    allowed: bool = ALLOWED

    def phrase(self) -> str:
        return f"{_only(self.allowed)} on {self.gpu_model}"


class Start(Said):
    kind: Literal["start"] = "start"
    bound: Literal["earliest", "latest", "exact"]
    time: Instant = Field(description="ISO 8601 with offset.")

    def phrase(self) -> str:
        how = {"earliest": "start at {} or later", "latest": "start by {}", "exact": "start at {}"}[self.bound]
        return how.format(uk_time(self.time))


class Finish(Said):
    kind: Literal["finish"] = "finish"
    time: Instant = Field(description="ISO 8601 with offset.")

    def phrase(self) -> str:
        return f"finish by {uk_time(self.time)}"


class Between(Value):
    start: Clock
    end: Clock


class Hours(Said):
    """All of the run lies then, or none of it."""

    # A missing clock is the day's start or end; a range whose end is not after its start ends on the next day. Without
    # days, an allowed range is its next occurrence, or every one where it `recurs`; a forbidden range holds every day.

    kind: Literal["hours"] = "hours"
    allowed: bool = ALLOWED
    start: Clock | None = Field(None, description="HH:MM, UK time.")
    end: Clock | None = Field(None, description="HH:MM, UK time.")
    also: tuple[Between, ...] = Field((), description="Further ranges: any of them will do.")
    weekdays: tuple[Weekday, ...] = ()
    dates: tuple[date, ...] = Field((), description="Days on which the range begins.")
    recurs: bool = Field(False, description="Every day (nights only), not just the next.")

    def phrase(self) -> str:
        parts = []
        if self.start is not None or self.end is not None:
            ranges = [(self.start or time(), self.end or time()), *((other.start, other.end) for other in self.also)]
            parts.append(_listed([f"between {start:%H:%M} and {end:%H:%M}" for start, end in ranges], "or"))
        if self.weekdays:
            parts.append(f"on {_listed(day.capitalize() for day in WEEKDAYS if day in self.weekdays)}")
        if self.dates:
            parts.append(f"on {_listed(f'{day:%a %-d %b}' for day in self.dates)}")
        return f"{_only(self.allowed)} {' '.join(parts) or 'at any time'}{' on any day' if self.recurs else ''}"


class Cap(Said):
    """What bounds one amount of the run."""

    measure: ClassVar[tuple[str, str, str, str]]
    """The type of the value that the reader makes of words, the field it goes to, the limit, and the phrase."""

    @property
    def value_type(self) -> str:
        return self.measure[0]

    @property
    def amount(self) -> float:
        return float(getattr(self, self.measure[1]))

    @property
    def limit(self) -> str:
        """The field of `tools.placement.Limits`."""
        return self.measure[2]

    def phrase(self) -> str:
        return self.measure[3].format(self.amount)


class CarbonTotal(Cap):
    measure = ("MASS", "max_g", "carbon_cap_g", "emit at most {:g} g of CO2")
    kind: Literal["carbon_total"] = "carbon_total"
    max_g: Amount = Field(description="Grams of CO2 for the whole run.")


class CarbonIntensity(Cap):
    measure = ("GKWH", "max_g_per_kwh", "max_intensity_g_per_kwh", "stay at or below {:g} g/kWh")
    kind: Literal["carbon_intensity"] = "carbon_intensity"
    max_g_per_kwh: Amount


class RenewableShare(Cap):
    measure = ("PCT", "min_pct", "min_renewable_pct", "use at least {:g} % renewable power")
    kind: Literal["renewable_share"] = "renewable_share"
    min_pct: Annotated[float, Field(ge=0, le=100)]


class CostTotal(Cap):
    measure = ("MONEY", "max_gbp", "max_cost_gbp", "cost at most £{:.2f}")
    kind: Literal["cost_total"] = "cost_total"
    max_gbp: Amount = Field(description="Pounds for the whole run.")


class PricePerKwh(Cap):
    measure = ("RATE", "max_gbp_per_kwh", "max_price_gbp_per_kwh", "pay at most £{:g} per kWh")
    kind: Literal["price_per_kwh"] = "price_per_kwh"
    max_gbp_per_kwh: Annotated[float, Field(allow_inf_nan=False)] = Field(description="Pounds, not pence.")
    basis: Literal["each", "mean"] = Field("each", description="each half-hour used, or the run's mean.")

    @property
    def limit(self) -> str:
        return "max_mean_price_gbp_per_kwh" if self.basis == "mean" else super().limit

    def phrase(self) -> str:
        return f"{super().phrase()} {'in every half-hour' if self.basis == 'each' else 'on average'}"


class Pausing(Said):
    kind: Literal["pausing"] = "pausing"
    allowed: bool = ALLOWED
    max_pauses: Annotated[int, Field(ge=0)] | None = None
    min_run_minutes: Annotated[int, Field(ge=1)] | None = Field(None, description="Shortest uninterrupted stretch.")

    def phrase(self) -> str:
        if not self.allowed:
            return "run in one go"
        count, shortest = self.max_pauses, self.min_run_minutes
        most = "" if count is None else f" at most {count} time{'' if count == 1 else 's'}"
        stretch = "" if shortest is None else f", running at least {shortest} minutes at a stretch"
        return f"may pause{most}{stretch}"


class Saving(Said):
    """Wait only for that much."""

    kind: Literal["saving"] = "saving"
    amount: Amount
    unit: Literal["pct", "g", "gbp"]
    value_types: ClassVar[Mapping[str, str]] = {"pct": "PCT", "g": "MASS", "gbp": "MONEY"}
    """By unit, the type of the value that the reader makes of words."""

    @property
    def value_type(self) -> str:
        return self.value_types[self.unit]

    def phrase(self) -> str:
        unit = {"pct": "{:g} %", "g": "{:g} g of CO2", "gbp": "£{:g}"}[self.unit]
        return f"wait only if it saves at least {unit.format(self.amount)}"


class Preference(Said):
    kind: Literal["preference"] = "preference"
    strength: Strength = "should"
    first: Literal["carbon", "cost", "cost_only", "soon", "renewables"] = Field(
        description="What matters most; cost_only: carbon does not matter."
    )

    def phrase(self) -> str:
        return _FIRST[self.first]


class JobFacts(Said):
    """What it needs."""

    kind: Literal["job"] = "job"
    duration_minutes: Annotated[int, Field(ge=1)] | None = None
    energy_kwh: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    gpus: Annotated[int, Field(ge=1)] | None = None

    def phrase(self) -> str:
        facts = (
            (self.duration_minutes, "takes {:g} minutes"),
            (self.energy_kwh, "uses {:g} kWh"),
            (self.gpus, "needs {:g} GPUs"),
        )
        told = [text.format(value) for value, text in facts if value is not None]
        return _listed(told or ["says nothing of its needs"])


class Unsupported(Said):
    """None of these (after another job, a monthly budget)."""

    kind: Literal["unsupported"] = "unsupported"
    what: str = Field(description="What is asked, in a few words.")

    def phrase(self) -> str:
        return self.what


Constraint: TypeAlias = (
    Region
    | Site
    | Hardware
    | Start
    | Finish
    | Hours
    | CarbonTotal
    | CarbonIntensity
    | RenewableShare
    | CostTotal
    | PricePerKwh
    | Pausing
    | Saving
    | Preference
    | JobFacts
    | Unsupported
)
"""A plain union with a literal `kind`: a discriminator would become `oneOf`, which Gemini's schemas do not know."""


class ReadConstraint(Value):
    """A constraint, who read it, and what became of it."""

    constraint: Constraint
    read_by: ReadBy
    outcome: Outcome = "applied"
    reason: str = ""
    """Why it was not applied, or why it changed nothing."""

    def record(self) -> dict[str, JsonValue]:
        """As `metadata.request_reading` lists it: one flat object."""
        value: dict[str, Any] = self.constraint.model_dump(mode="json", exclude_none=True)
        reason = {"reason": self.reason} if self.reason else {}
        return {**value, "read_by": self.read_by, "outcome": self.outcome, **reason}


def reading_record(constraints: Iterable[ReadConstraint], not_understood: Iterable[str]) -> dict[str, JsonValue]:
    """`metadata.request_reading` of a row."""
    return {"constraints": [item.record() for item in constraints], "not_understood": list(not_understood)}


def region_names(regions: Iterable[int]) -> str:
    """ "London and South Wales"; most of the country by what is left out."""
    named = set(regions)
    left_out = [region for region in REGION_IDS if region not in named]
    if left_out and len(left_out) < len(named):
        return "regions other than " + _listed(region_name(region) for region in left_out)
    return _listed(region_name(region) for region in sorted(named))


def uk_time(instant: datetime) -> str:
    """As people in the UK write it: "Fri 27 Nov 18:00"."""
    return f"{instant.astimezone(UK):%a %-d %b %H:%M}"


def _listed(names: Iterable[str], word: str = "and") -> str:
    *rest, last = names
    return f"{', '.join(rest)} {word} {last}" if rest else last


def _only(allowed: bool) -> str:
    return "only" if allowed else "not"


_FIRST = {
    "carbon": "put low carbon first",
    "cost": "put low cost first",
    "cost_only": "look at cost alone",
    "soon": "run soon",
    "renewables": "favour renewable power",
}
