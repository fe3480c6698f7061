"""What a model may claim: positions and measures, never a figure, a place, a time or a direction. Code says them."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema

from agents.schema import one_object

Who: TypeAlias = Literal["first", "second", "third", "now"]
"""A place in the answer's own ranking, or running now: the schema is the same for every case."""
Measure: TypeAlias = Literal["carbon", "intensity", "renewable", "cost", "energy"]
Topic: TypeAlias = Literal["why", "pauses", "mix", "trend", "timing"]
"""What may be said of one option besides its place and figures."""
Which: TypeAlias = Literal[
    "deadline", "start", "carbon", "intensity", "renewable", "cost", "price", "places", "hours", "pauses"
]
Measures: TypeAlias = Annotated[list[Measure], Field(min_length=1, max_length=3)]


_MEASURES = TypeAdapter(Measures).json_schema()


def _single(value: object) -> object:
    """Models see one shape of `of`, a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


class _Claim(BaseModel):
    model_config = ConfigDict(frozen=True)


class OfOne(_Claim):
    """mix: sources of its power; trend: of its grid; why: what puts it in its place."""

    kind: Literal["placed", "pauses", "mix", "trend", "why"]
    who: Who


class Levels(_Claim):
    kind: Literal["levels"]
    who: Who
    of: Measures


class Compared(_Claim):
    kind: Literal["compared"]
    who: Who
    than: Who
    of: Measures
    how: Literal["amount", "share", "multiple"] = "share"


class Timing(_Claim):
    """Which starts sooner."""

    kind: Literal["timing"]
    who: Who
    than: Who


class Extreme(_Claim):
    """Which option is it."""

    kind: Literal["extreme"]
    of: Annotated[Measure, BeforeValidator(_single), WithJsonSchema(_MEASURES)]
    end: Literal["best", "worst"]


class Limit(_Claim):
    """By how much a limit is kept."""

    kind: Literal["limit"]
    which: Which


class Reading(_Claim):
    # Told in any case; claimed, it is told earlier.

    kind: Literal["understood", "not_understood"]


class Sure(_Claim):
    kind: Literal["sure"]
    about: Literal["confidence", "prices", "data", "weights"]


Claim: TypeAlias = OfOne | Levels | Compared | Timing | Extreme | Limit | Reading | Sure
AnalysisClaim: TypeAlias = OfOne | Compared | Extreme
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
    list[Annotated[Claim, WithJsonSchema(one_object(get_args(Claim)))]],
    BeforeValidator(_readable(Claim, MOST_CLAIMS)),
    Field(max_length=MOST_CLAIMS),
]
AnalysisClaims: TypeAlias = Annotated[
    list[Annotated[AnalysisClaim, WithJsonSchema(one_object(get_args(AnalysisClaim)))]],
    BeforeValidator(_readable(AnalysisClaim, MOST_ANALYSIS_CLAIMS)),
    Field(max_length=MOST_ANALYSIS_CLAIMS),
]
