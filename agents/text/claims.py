"""What a model may claim: positions and measures, never a figure, a place, a time or a direction. Code says them."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

Who: TypeAlias = Literal["first", "second", "third", "now"]
"""A place in the answer's own ranking, or running now: the schema is the same for every case."""
Measure: TypeAlias = Literal["carbon", "intensity", "renewable", "cost", "energy"]
Topic: TypeAlias = Literal["rank", "pauses", "renewable", "nuclear", "trend", "price", "timing"]
"""What may be said of one option besides its place and figures."""
Measures: TypeAlias = Annotated[list[Measure], Field(min_length=1, max_length=3)]


class _Claim(BaseModel):
    model_config = ConfigDict(frozen=True)


class OfOne(_Claim):
    """Where and when it runs; whether it pauses; what puts it where it stands."""

    kind: Literal["placed", "pauses", "why"]
    who: Who


class Levels(_Claim):
    """What it emits, costs, …"""

    kind: Literal["levels"]
    who: Who
    of: Measures


class Compared(_Claim):
    """One against another."""

    kind: Literal["compared"]
    who: Who
    than: Who
    of: Measures
    how: Literal["amount", "share", "multiple"] = "share"


class Extreme(_Claim):
    """Which option is best or worst."""

    kind: Literal["extreme"]
    of: Measure
    end: Literal["best", "worst"]


class Timing(_Claim):
    """How much sooner or later it starts."""

    kind: Literal["timing"]
    who: Who
    than: Who


class Limit(_Claim):
    """How a limit is kept."""

    kind: Literal["limit"]
    which: Literal[
        "deadline", "start", "carbon", "intensity", "renewable", "cost", "price", "places", "hours", "pauses"
    ]


class Reading(_Claim):
    """What was taken from the request's words; what was not. Told in any case: claimed, it is told earlier."""

    kind: Literal["understood", "not_understood"]


class Mix(_Claim):
    """What makes its power clean."""

    kind: Literal["mix"]
    who: Who
    fuel: Literal["renewable", "nuclear"]


class Trend(_Claim):
    """How its region's grid changes from now on."""

    kind: Literal["trend"]
    who: Who
    of: Literal["intensity", "price"]


class Sure(_Claim):
    """How sure the figures are, how carbon is weighed."""

    kind: Literal["sure"]
    about: Literal["confidence", "prices", "data", "weights"]


Claim: TypeAlias = OfOne | Levels | Compared | Extreme | Timing | Limit | Reading | Mix | Trend | Sure
AnalysisClaim: TypeAlias = Levels | Compared | Extreme | Timing | Mix | Trend
"""Those that the analyses of the compute and the energy agent need."""


def _readable(kinds: Any, most: int) -> Callable[[object], object]:  # noqa: ANN401  a union of claims
    adapter: TypeAdapter[BaseModel] = TypeAdapter(kinds)

    def readable(value: object) -> object:
        """The first ones that are claims; one that is none is not worth another call."""
        return (
            [found for item in value if (found := _claim(adapter, item))][:most] if isinstance(value, list) else value
        )

    return readable


def _claim(adapter: TypeAdapter[BaseModel], item: object) -> BaseModel | None:
    try:
        return adapter.validate_python(item)
    except ValidationError:
        return None


MOST_CLAIMS = 8
MOST_ANALYSIS_CLAIMS = 4
Claims: TypeAlias = Annotated[
    list[Claim], BeforeValidator(_readable(Claim, MOST_CLAIMS)), Field(max_length=MOST_CLAIMS)
]
AnalysisClaims: TypeAlias = Annotated[
    list[AnalysisClaim],
    BeforeValidator(_readable(AnalysisClaim, MOST_ANALYSIS_CLAIMS)),
    Field(max_length=MOST_ANALYSIS_CLAIMS),
]
