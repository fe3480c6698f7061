"""The selection suite: models that pick too little, too much, or only the bright side. The user's own limits, the
trade-off, the alternatives and what became of the request's words are stated all the same."""

from collections.abc import Mapping

from pydantic import JsonValue

from evals.cases.case import CPU_ONLY, Case, Expected, asks, at
from evals.cases.scripting import claims, on_answer
from evals.standin.script import Step, edited
from evals.standin.wire import Json

_LIMITS: Mapping[str, JsonValue] = {
    "carbon_cap_gco2": 900,
    "max_carbon_intensity_gco2_kwh": 90,
    "min_renewable_pct": 30,
    "max_price_gbp": 1.2,
    "deadline": at(18),
}
_BRIGHT: tuple[Json, ...] = (
    {"kind": "compared", "who": "first", "than": "now", "of": ["renewable"], "how": "share"},
    {"kind": "extreme", "of": "renewable", "end": "best"},
)
_ONE_SIDED: tuple[Json, ...] = (
    {"kind": "compared", "who": "second", "than": "first", "of": ["cost"], "how": "share"},
    {"kind": "compared", "who": "third", "than": "first", "of": ["carbon"], "how": "multiple"},
    {"kind": "compared", "who": "first", "than": "now", "of": ["cost"], "how": "multiple"},
)
_EVERYTHING: tuple[Json, ...] = (
    {"kind": "understood"},
    {"kind": "not_understood"},
    {"kind": "limit", "which": "cost"},
    {"kind": "limit", "which": "deadline"},
    {"kind": "sure", "about": "prices"},
    {"kind": "sure", "about": "data"},
    {"kind": "trend", "who": "third"},
    {"kind": "pauses", "who": "second"},
)


def _no_topics(answer: Json) -> None:
    answer["claims"] = []
    for choice in answer["choices"]:
        choice.pop("topics")


def _picks(
    name: str, about: str, step: Step, columns: Mapping[str, JsonValue] | None = None, market: str = "live"
) -> Case:
    row = {**CPU_ONLY, **(columns or {})}
    return Case(name, about, row, Expected(calls=6), market=market, script=on_answer("head", step), suite="selection")


SELECTION: tuple[Case, ...] = (
    _picks("nothing picked", "No claim and no topic.", edited(_no_topics)),
    _picks("nothing picked, limits", "The limits of the columns.", claims(), _LIMITS),
    _picks("nothing picked, words", "The limits of the words.", claims(),
           asks("Must stay in Scotland or Wales. Finish by tomorrow 9am. Under £2.")),
    _picks("nothing picked, words that mean nothing", "What was not understood.", claims(),
           asks("Keep the cost under £2. Only when the moon is below 7 degrees.")),
    _picks("only the bright side", "The dearer side is stated.", claims(*_BRIGHT), _LIMITS),
    _picks("one side of each trade", "Code tells the other.", claims(*_ONE_SIDED)),
    _picks("one side of each trade, cost first", "With carbon counted for nothing.", claims(*_ONE_SIDED),
           asks("Cheapest, I don't care about carbon.")),
    _picks("one side of each trade, carbon first", "With carbon counted five times.", claims(*_ONE_SIDED),
           asks("As green as possible please.")),
    _picks("everything picked", "Each is stated once.", claims(*_EVERYTHING), {**_LIMITS, **asks("Keep it under £5.")}),
    _picks("nothing to compare with", "0 g at home: grams, not percentages.", claims(*_ONE_SIDED),
           market="zero at home"),
    _picks("paid to run", "Negative prices have no percentages.", claims(*_ONE_SIDED), {"deferral_window_mins": 1440},
           market="negative prices"),
    _picks("no prices", "There is no trade without prices.", claims(*_ONE_SIDED), market="no prices"),
    _picks("stale figures, nothing picked", "Their age is stated.", claims(), market="stale"),
    _picks("assumptions, nothing picked", "Each is stated.", claims(), {
        "required_gpu_mins": None, "required_cpu_cores": None, "estimated_duration_hours": None, "is_deferrable": None,
    }),
)  # fmt: skip
