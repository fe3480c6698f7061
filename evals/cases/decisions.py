"""The decisions suite: what a well-behaved model must bring about, over urgencies, limits, words and markets."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from evals.cases.case import NOW, Case, Expected, asks, at
from tools.placement import Commitment

SCOTLAND = frozenset({1, 2})
SUMMER = datetime(2026, 7, 1, 9, 5, tzinfo=UTC)
SPRING = datetime(2026, 3, 28, 20, 12, tzinfo=UTC)
"""The evening before the clocks go forward."""
AUTUMN = datetime(2026, 10, 24, 19, 41, tzinfo=UTC)
"""The evening before they go back."""


def _fails(*words: str) -> Expected:
    return Expected(is_placed=False, error_words=words)


def _finds(*kinds: str, **more: object) -> Expected:
    return Expected(constraints=kinds, **more)  # type: ignore[arg-type]  # spelled out in the cases below


DECISIONS: tuple[Case, ...] = (
    Case("low urgency", "May wait, carbon weighs much.", {"urgency": "LOW"}),
    Case("medium urgency", "The common case.", expected=_finds()),
    Case("high urgency", "Carbon weighs less.", {"urgency": "HIGH", "deferral_window_mins": 360}),
    Case(
        "critical, not deferrable",
        "Starts in this half-hour wherever it is best.",
        {"urgency": "CRITICAL", "is_deferrable": False, "deferral_window_mins": None},
    ),
    Case("no preferred data centre", "The counterfactual is the first asset.", {"host_dc": None}),
    Case("preferred by city", "host_dc names a city.", {"host_dc": "Cardiff"}),
    Case("cpu only", "Any asset can host it.", {"required_gpu_mins": None, "workload_type": "DATA_PROCESSING"}),
    Case("much memory", "Only the largest can host it.", {"required_gpu_mins": 12_000, "required_memory_gb": 20_000}),
    Case("stated energy", "The user's figure is taken.", {"estimated_energy_kwh": 24.0}),
    Case(
        "odd stated energy",
        "Far from the model's figure: flagged, not replaced.",
        {"estimated_energy_kwh": 400.0, "estimated_duration_hours": 6},
    ),
    Case("unknown duration", "From the GPU minutes.", {"estimated_duration_hours": None, "required_gpu_mins": 90}),
    Case("nothing known", "Assumptions all the way, each stated.", {
        "required_gpu_mins": None, "required_cpu_cores": None, "required_memory_gb": None,
        "estimated_duration_hours": None, "is_deferrable": None, "deferral_window_mins": None,
    }),
    Case("ten hours", "Longer than any cheap stretch.", {"estimated_duration_hours": 10, "deferral_window_mins": 1440}),
    Case("deadline", "Finish-by binds before the window.", {"deadline": at(7)}),
    Case("latest completion", "The earlier of the two binds.", {"deadline": at(20), "latest_completion": at(5)}),
    Case("earliest start", "Not before this evening.", {"earliest_start": at(9)}),
    Case("carbon cap", "Grams for the whole run.", {"carbon_cap_gco2": 400}),
    Case("intensity cap", "Grams per kWh.", {"max_carbon_intensity_gco2_kwh": 60}),
    Case("renewable floor", "Share of wind, solar and hydro.", {"renewable_share": 70}),
    Case("price cap", "Pounds for the whole run.", {"max_price_gbp": 0.75}),
    Case("all caps", "Everything at once, still feasible.", {
        "carbon_cap_gco2": 900, "max_carbon_intensity_gco2_kwh": 90, "renewable_share": 30, "max_price_gbp": 1.2,
        "deadline": at(18),
    }),
    Case("price cap nobody can meet", "Named, with the nearest alternative.", {"max_price_gbp": 0.01},
         _fails("max_price_gbp", "nearest feasible")),
    Case("intensity typed as grams", "The error says so.", {"carbon_cap_gco2": 150},
         _fails("carbon_cap_gco2", "meant as g/kWh"), sites=2),
    Case("deadline too soon", "Ten hours of work due in four.", {"estimated_duration_hours": 10, "deadline": at(4)},
         _fails("deadline")),
    Case("deadline passed", "Refused before a model is asked.", {"deadline": at(-1)}, _fails("deadline", "passed")),
    Case("too many cores", "No asset has them.", {"required_cpu_cores": 100_000}, _fails("CPU cores", "largest")),
    Case("home is full", "Capacity promised to others.", {"host_dc": "Eval Inverness", "deferral_window_mins": 240},
         taken=(Commitment(asset_id=UUID(int=1), start=NOW, end=NOW + timedelta(hours=12), power_kw=59.5),)),
    Case("must stay in Scotland", "A region in words.", asks("It must stay in Scotland."),
         _finds("region", regions=SCOTLAND)),
    Case("out of London", "A region excluded in words.", asks("Please keep it out of London.", urgency="CRITICAL"),
         _finds("region", regions=frozenset(range(1, 13)) | {14})),
    Case("can be paused", "Cheapest feasible slots.", asks("This can be paused.", estimated_duration_hours=6),
         _finds("pausing")),
    Case("cannot be paused", "Said outright.", asks("It cannot be paused, run it in one go."), _finds("pausing")),
    Case("not before Friday 6pm", "Beyond what the window allows.", asks("Not before Friday 6pm."),
         _fails("earliest_start")),
    Case("not before this evening", "UK time in words.", asks("Not before 8pm."), _finds("start")),
    Case("by tomorrow noon", "A deadline in words.", asks("I need it by tomorrow noon."), _finds("finish")),
    Case("within six hours", "A span in words.", asks("Must be done within 6 hours."), _finds("finish")),
    Case("between ten and six", "Both ends in words.", asks("Run it between 10pm and 6am please."),
         _finds("hours")),
    Case("budget in words", "A price limit in words.", asks("Keep the cost under £0.80."), _finds("cost_total")),
    Case("clean power in words", "An intensity and a share.", asks("Stay below 80 g/kWh, at least 60% renewable."),
         _finds("carbon_intensity", "renewable_share")),
    Case("cheapest", "Cost alone counts.", asks("Cheapest, I don't care about carbon."), _finds("preference")),
    Case("greenest", "Carbon first.", asks("As green as possible please."), _finds("preference")),
    Case("as soon as possible", "Shifted only for a large saving.", asks("Run it asap.", deferral_window_mins=90),
         _finds("preference")),
    Case("words against a column", "The column is stricter and wins.",
         asks("Spend up to £900 if it helps.", max_price_gbp=0.9), _finds("cost_total")),
    Case("hedged words", "Hoped for, not demanded.", asks("Ideally in Wales, if possible before noon."),
         _finds("finish", "region")),
    Case("mentioned in passing", "Places and times that are not limits.",
         asks("The London team met at 9am and we have 3 people in Leeds."), _finds()),
    Case("everything in words", "Five at once.",
         asks("Must stay in Scotland or Wales. Not before 6pm. Finish by tomorrow 9am. Under £2. It can be paused."),
         _finds("region", "start", "finish", "cost_total", "pausing",
                regions=frozenset({1, 2, 6, 7}))),
    Case("words nobody can meet", "A region without an asset.", asks("It must stay in the West Midlands."),
         _fails("required regions")),
    Case("summer time", "6pm in July is 17:00 UTC.", {**asks("Finish by 6pm."), "deadline": at(30, SUMMER)},
         _finds("finish"), now=SUMMER),
    Case("clocks go forward", "The night has seven hours.", asks("Not before 1am tomorrow, done by 7am tomorrow."),
         _finds("start", "finish"), now=SPRING),
    Case("clocks go back", "The hour that comes twice binds the least.",
         asks("Not before 01:30 tomorrow, finish by 01:30 tomorrow.", estimated_duration_hours=0.5),
         _finds("start", "finish"), now=AUTUMN),
    Case("ties at 0 g", "Both Scottish regions emit nothing at the same price.", market="zero in Scotland"),
    Case("0 g at home", "No percentage over nothing.", market="zero at home"),
    Case("negative prices", "Paid to run.", {"deferral_window_mins": 1440}, market="negative prices"),
    Case("short price horizon", "Estimated prices are said.", {"earliest_start": at(12)},
         Expected(says=("estimated",)), market="short prices"),
    Case("stale figures", "Their age is said.", expected=Expected(says=("9.0 hours old",)), market="stale"),
    Case("daily profile", "Not a forecast, and said.", expected=Expected(says=("daily profile",)), market="profile"),
    Case("recorded day", "As in the demo.", expected=Expected(says=("recorded day",)), market="recorded"),
    Case("holes", "Missing is never 0.", expected=Expected(says=("cover",)), market="holes"),
    Case("no prices", "Carbon alone decides.", expected=Expected(says=("No price is known",)), market="no prices"),
    Case("no figures at all", "Now and at home, and said.", market="no data",
         expected=Expected(says=("no carbon-intensity figures",), regions=frozenset({13}))),
    Case("no figures, words", "What the text says outright still holds.", asks("It must stay in Scotland."),
         market="no data", expected=Expected(says=("no carbon-intensity figures",), regions=SCOTLAND)),
    Case("no figures, caps", "A cap that cannot be checked is not broken unseen.", {"max_price_gbp": 3},
         _fails("max_price_gbp", "cannot be checked"), market="no data"),
    Case("nothing to gain", "Flat: running now at home.", expected=Expected(runs_now=None), market="flat"),
    Case("2 regions", "Tokens grow with the regions that can host it.", sites=2),
    Case("6 regions", "The same with three times as many.", sites=6),
    Case("12 h horizon", "Tokens do not grow with the horizon.", market="12 h"),
    Case("24 h horizon", "The same with twice the figures.", market="24 h"),
    Case("48 h horizon", "And with four times.", market="48 h"),
)  # fmt: skip
