"""The reading suites: what a model says it read in a request, right and wrong, and one request in many wordings.

Written as seen from `NOW`, a Tuesday morning in winter, without a look at the rules' own phrases.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from agents.constraints import Constraint
from evals.cases.case import Case
from tools.slots import UK

SITES = ("Eval Inverness", "Eval Cardiff")
SCOTLAND, WALES, ENGLAND = (1, 2), (6, 7), (3, 4, 5, 8, 9, 10, 11, 12, 13, 14)
_CONSTRAINT: TypeAdapter[Constraint] = TypeAdapter(Constraint)


@dataclass(frozen=True)
class Answer:
    """A request, and one constraint that a model says it read there."""

    text: str
    constraint: Constraint
    wrong: str = ""
    """In which way; empty where it is right."""


@dataclass(frozen=True)
class Paraphrases:
    """Wordings that ask for the same and nothing else."""

    name: str
    value: dict[str, Any]
    wordings: tuple[str, ...]

    def answers(self) -> list[Answer]:
        return [Answer(text, _constraint(text, **self.value)) for text in self.wordings]


def _constraint(quote: str, kind: str, **value: Any) -> Constraint:  # noqa: ANN401  any field of a kind
    return _CONSTRAINT.validate_python({"kind": kind, "quote": quote, **value})


def _right(text: str, quote: str, kind: str, **value: Any) -> Answer:  # noqa: ANN401
    return Answer(text, _constraint(quote, kind, **value))


def _wrong(way: str, text: str, quote: str, kind: str, **value: Any) -> Answer:  # noqa: ANN401
    return Answer(text, _constraint(quote, kind, **value), way)


def _at(day: int, clock: str) -> datetime:
    """That day of November 2026, UK time."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, day, hour, minute, tzinfo=UK)


RIGHT: tuple[Answer, ...] = (
    _right("Keep the job on Scottish soil only.", "on Scottish soil only", "region", regions=SCOTLAND, allowed=True),
    _right("This must not leave Wales.", "must not leave Wales", "region", regions=WALES, allowed=True),
    _right("Under no circumstances use London.", "Under no circumstances use London", "region", regions=[13],
           allowed=False),
    _right("Any region except Yorkshire will do.", "Any region except Yorkshire", "region", regions=[5], allowed=False),
    _right("We can't have it in the West Midlands.", "can't have it in the West Midlands", "region", regions=[8],
           allowed=False),
    _right("It has to be hosted in Bristol.", "has to be hosted in Bristol", "region", regions=[11], allowed=True),
    _right("Steer clear of England.", "Steer clear of England", "region", regions=ENGLAND, allowed=False),
    _right("Only Glasgow or Newcastle, please.", "Only Glasgow or Newcastle", "region", regions=[2, 4], allowed=True),
    _right("Don't place it anywhere but Wales.", "Don't place it anywhere but Wales", "region", regions=WALES,
           allowed=True),
    _right("Never outside Scotland.", "Never outside Scotland", "region", regions=SCOTLAND, allowed=True),
    _right("It must run at Eval Cardiff.", "must run at Eval Cardiff", "site", sites=["Eval Cardiff"], allowed=True),
    _right("Anything but Eval Inverness.", "Anything but Eval Inverness", "site", sites=["Eval Inverness"],
           allowed=False),
    _right("Do not send it to Eval Cardiff.", "Do not send it to Eval Cardiff", "site", sites=["Eval Cardiff"],
           allowed=False),
    _right("This requires an A100.", "requires an A100", "hardware", gpu_model="A100", allowed=True),
    _right("No V100s for this one.", "No V100s", "hardware", gpu_model="V100", allowed=False),
    _right("Avoid the T4, it is too slow.", "Avoid the T4", "hardware", gpu_model="T4", allowed=False),
    _right("Do not launch before 7pm.", "Do not launch before 7pm", "start", bound="earliest", time=_at(24, "19:00")),
    _right("It may begin from 15:30 onwards, not sooner.", "from 15:30 onwards", "start", bound="earliest",
           time=_at(24, "15:30")),
    _right("Wait until 10pm before you start it.", "Wait until 10pm", "start", bound="earliest", time=_at(24, "22:00")),
    _right("It has to start no later than 13:00.", "has to start no later than 13:00", "start", bound="latest",
           time=_at(24, "13:00")),
    _right("Begin by 5pm.", "Begin by 5pm", "start", bound="latest", time=_at(24, "17:00")),
    _right("Start it at 20:00 exactly.", "Start it at 20:00 exactly", "start", bound="exact", time=_at(24, "20:00")),
    _right("Not before Thursday 8am.", "Not before Thursday 8am", "start", bound="earliest", time=_at(26, "08:00")),
    _right("Must be complete by 8am tomorrow.", "Must be complete by 8am tomorrow", "finish", time=_at(25, "08:00")),
    _right("I need the results no later than 6pm.", "results no later than 6pm", "finish", time=_at(24, "18:00")),
    _right("It cannot finish after midnight.", "cannot finish after midnight", "finish", time=_at(25, "00:00")),
    _right("Finish before 9:30 tomorrow.", "Finish before 9:30 tomorrow", "finish", time=_at(25, "09:30")),
    _right("The report is due on Thursday at noon.", "due on Thursday at noon", "finish", time=_at(26, "12:00")),
    _right("Have it ready by 4 o'clock this afternoon.", "ready by 4 o'clock this afternoon", "finish",
           time=_at(24, "16:00")),
    _right("Never run it between 4pm and 7pm.", "Never run it between 4pm and 7pm", "hours", allowed=False,
           start="16:00", end="19:00"),
    _right("Run it between 1am and 6am.", "between 1am and 6am", "hours", allowed=True, start="01:00", end="06:00"),
    _right("Stay off the grid from 17:00 to 20:00.", "Stay off the grid from 17:00 to 20:00", "hours", allowed=False,
           start="17:00", end="20:00"),
    _right("No computing on Wednesdays.", "No computing on Wednesdays", "hours", allowed=False, weekdays=["wed"]),
    _right("Weekends only.", "Weekends only", "hours", allowed=True, weekdays=["sat", "sun"]),
    _right("Don't touch the machines on Thursday.", "Don't touch the machines on Thursday", "hours", allowed=False,
           weekdays=["thu"]),
    _right("Only run between 22:00 and 05:00.", "Only run between 22:00 and 05:00", "hours", allowed=True,
           start="22:00", end="05:00", recurs=True),
    _right("Emit at most 500 g of CO2.", "at most 500 g of CO2", "carbon_total", max_g=500),
    _right("Stay under 2 kg of carbon.", "under 2 kg of carbon", "carbon_total", max_g=2000),
    _right("It mustn't emit more than 750 grams of CO2.", "mustn't emit more than 750 grams", "carbon_total",
           max_g=750),
    _right("The grid must be below 120 g/kWh.", "below 120 g/kWh", "carbon_intensity", max_g_per_kwh=120),
    _right("Never above 0.2 kg per kWh.", "Never above 0.2 kg per kWh", "carbon_intensity", max_g_per_kwh=200),
    _right("Carbon intensity no higher than 90 gCO2/kWh.", "no higher than 90 gCO2/kWh", "carbon_intensity",
           max_g_per_kwh=90),
    _right("At least 60% renewable power.", "At least 60% renewable power", "renewable_share", min_pct=60),
    _right("Renewables must make up no less than 45 percent.", "Renewables must make up no less than 45 percent",
           "renewable_share", min_pct=45),
    _right("We want half of the power from renewables as a minimum: 50 % renewable or more.",
           "50 % renewable or more", "renewable_share", min_pct=50),
    _right("Don't spend more than £4.", "Don't spend more than £4", "cost_total", max_gbp=4),
    _right("The budget is 2.50 pounds at most.", "budget is 2.50 pounds at most", "cost_total", max_gbp=2.5),
    _right("Keep it below 80p in total.", "below 80p in total", "cost_total", max_gbp=0.8),
    _right("Cap the bill at £12.", "Cap the bill at £12", "cost_total", max_gbp=12),
    _right("Pay no more than 15p per kWh.", "no more than 15p per kWh", "price_per_kwh", max_gbp_per_kwh=0.15),
    _right("Electricity has to be under £0.20/kWh.", "under £0.20/kWh", "price_per_kwh", max_gbp_per_kwh=0.2),
    _right("On average at most 18p/kWh.", "On average at most 18p/kWh", "price_per_kwh", max_gbp_per_kwh=0.18,
           basis="mean"),
    _right("Do not interrupt it.", "Do not interrupt it", "pausing", allowed=False),
    _right("You may pause the job.", "may pause the job", "pausing", allowed=True),
    _right("It checkpoints, so it can be stopped and resumed.", "can be stopped and resumed", "pausing", allowed=True),
    _right("Pause it at most twice.", "Pause it at most twice", "pausing", allowed=True, max_pauses=2),
    _right("Must run without a break.", "Must run without a break", "pausing", allowed=False),
    _right("Only shift it if it saves at least 10%.", "Only shift it if it saves at least 10%", "saving", amount=10,
           unit="pct"),
    _right("Wait only if that saves £1 or more.", "Wait only if that saves £1 or more", "saving", amount=1, unit="gbp"),
    _right("Make it as cheap as you can.", "as cheap as you can", "preference", first="cost"),
    _right("Lowest carbon, please.", "Lowest carbon", "preference", first="carbon"),
    _right("I need this as soon as possible.", "as soon as possible", "preference", first="soon"),
    _right("Carbon doesn't matter, just the price.", "Carbon doesn't matter, just the price", "preference",
           first="cost_only"),
    _right("I'd rather have wind power.", "rather have wind power", "preference", first="renewables"),
    _right("It takes three hours.", "takes three hours", "job", duration_minutes=180),
    _right("The job needs 4 GPUs.", "needs 4 GPUs", "job", gpus=4),
    _right("Run it once the ingest job is done.", "once the ingest job is done", "unsupported", what="after a job"),
    _right("Keep my monthly bill under £300.", "monthly bill under £300", "unsupported", what="a monthly budget"),
    _right("Bitte nur in Schottland rechnen.", "nur in Schottland", "region", regions=SCOTLAND, allowed=True),
    _right("Pas plus de 5 livres, merci.", "Pas plus de 5 livres", "cost_total", max_gbp=5),
)  # fmt: skip

WRONG: tuple[Answer, ...] = (
    _wrong("inverted", "Under no circumstances use London.", "use London", "region", regions=[13], allowed=True),
    _wrong("inverted", "Any region except Yorkshire will do.", "except Yorkshire", "region", regions=[5], allowed=True),
    _wrong("inverted", "This must not leave Wales.", "leave Wales", "region", regions=WALES, allowed=False),
    _wrong("inverted", "Never outside Scotland.", "Never outside Scotland", "region", regions=SCOTLAND, allowed=False),
    _wrong("inverted", "It has to be hosted in Bristol.", "hosted in Bristol", "region", regions=[11], allowed=False),
    _wrong("inverted", "Anything but Eval Inverness.", "Eval Inverness", "site", sites=["Eval Inverness"],
           allowed=True),
    _wrong("inverted", "It must run at Eval Cardiff.", "run at Eval Cardiff", "site", sites=["Eval Cardiff"],
           allowed=False),
    _wrong("inverted", "No V100s for this one.", "V100s", "hardware", gpu_model="V100", allowed=True),
    _wrong("inverted", "This requires an A100.", "requires an A100", "hardware", gpu_model="A100", allowed=False),
    _wrong("inverted", "Never run it between 4pm and 7pm.", "between 4pm and 7pm", "hours", allowed=True,
           start="16:00", end="19:00"),
    _wrong("inverted", "Run it between 1am and 6am.", "between 1am and 6am", "hours", allowed=False, start="01:00",
           end="06:00"),
    _wrong("inverted", "No computing on Wednesdays.", "computing on Wednesdays", "hours", allowed=True,
           weekdays=["wed"]),
    _wrong("inverted", "Weekends only.", "Weekends only", "hours", allowed=False, weekdays=["sat", "sun"]),
    _wrong("inverted", "Do not interrupt it.", "interrupt it", "pausing", allowed=True),
    _wrong("inverted", "You may pause the job.", "may pause the job", "pausing", allowed=False),
    _wrong("inverted", "Do not launch before 7pm.", "before 7pm", "finish", time=_at(24, "19:00")),
    _wrong("inverted", "Must be complete by 8am tomorrow.", "by 8am tomorrow", "start", bound="earliest",
           time=_at(25, "08:00")),
    _wrong("inverted", "It cannot finish after midnight.", "after midnight", "start", bound="earliest",
           time=_at(25, "00:00")),
    _wrong("inverted", "Spend at least £4 on it.", "at least £4", "cost_total", max_gbp=4),
    _wrong("inverted", "At most 60% renewable power.", "At most 60% renewable power", "renewable_share", min_pct=60),
    _wrong("inverted", "Lowest carbon, please.", "Lowest carbon", "preference", first="cost"),
    _wrong("inverted", "Make it as cheap as you can.", "as cheap as you can", "preference", first="carbon"),
    _wrong("other number", "Emit at most 500 g of CO2.", "at most 500 g of CO2", "carbon_total", max_g=400),
    _wrong("other number", "Stay under 2 kg of carbon.", "under 2 kg of carbon", "carbon_total", max_g=2500),
    _wrong("other number", "The grid must be below 120 g/kWh.", "below 120 g/kWh", "carbon_intensity",
           max_g_per_kwh=102),
    _wrong("other number", "At least 60% renewable power.", "At least 60%", "renewable_share", min_pct=66),
    _wrong("other number", "Don't spend more than £4.", "more than £4", "cost_total", max_gbp=14),
    _wrong("other number", "Pay no more than 15p per kWh.", "15p per kWh", "price_per_kwh", max_gbp_per_kwh=0.12),
    _wrong("other number", "Pause it at most twice.", "at most twice", "pausing", allowed=True, max_pauses=3),
    _wrong("other number", "Only shift it if it saves at least 10%.", "saves at least 10%", "saving", amount=20,
           unit="pct"),
    _wrong("other number", "It takes three hours.", "takes three hours", "job", duration_minutes=300),
    _wrong("other number", "The job needs 4 GPUs.", "needs 4 GPUs", "job", gpus=8),
    _wrong("other unit", "Emit at most 500 g of CO2.", "at most 500 g of CO2", "carbon_total", max_g=500_000),
    _wrong("other unit", "Stay under 2 kg of carbon.", "under 2 kg of carbon", "carbon_total", max_g=2),
    _wrong("other unit", "Stay under 2 kg of carbon.", "under 2 kg of carbon", "cost_total", max_gbp=2),
    _wrong("other unit", "Keep it below 80p in total.", "below 80p in total", "cost_total", max_gbp=80),
    _wrong("other unit", "Pay no more than 15p per kWh.", "15p per kWh", "price_per_kwh", max_gbp_per_kwh=15),
    _wrong("other unit", "Pay no more than 15p per kWh.", "15p per kWh", "cost_total", max_gbp=0.15),
    _wrong("other unit", "The grid must be below 120 g/kWh.", "below 120 g/kWh", "carbon_total", max_g=120),
    _wrong("other unit", "Wait only if that saves £1 or more.", "saves £1 or more", "saving", amount=1, unit="g"),
    _wrong("other unit", "Only shift it if it saves at least 10%.", "saves at least 10%", "saving", amount=10,
           unit="gbp"),
    _wrong("other unit", "It takes three hours.", "takes three hours", "job", duration_minutes=3),
    _wrong("other place", "Keep the job on Scottish soil only.", "on Scottish soil only", "region", regions=WALES,
           allowed=True),
    _wrong("other place", "It has to be hosted in Bristol.", "hosted in Bristol", "region", regions=[13], allowed=True),
    _wrong("other place", "Only Glasgow or Newcastle, please.", "Only Glasgow or Newcastle", "region", regions=[2, 5],
           allowed=True),
    _wrong("other place", "We can't have it in the West Midlands.", "in the West Midlands", "region", regions=[9],
           allowed=False),
    _wrong("other place", "It must run at Eval Cardiff.", "at Eval Cardiff", "site", sites=["Eval Inverness"],
           allowed=True),
    _wrong("other place", "This requires an A100.", "requires an A100", "hardware", gpu_model="H100", allowed=True),
    _wrong("other time", "Do not launch before 7pm.", "before 7pm", "start", bound="earliest", time=_at(24, "21:00")),
    _wrong("other time", "Do not launch before 7pm.", "before 7pm", "start", bound="earliest", time=_at(26, "19:00")),
    _wrong("other time", "Must be complete by 8am tomorrow.", "by 8am tomorrow", "finish", time=_at(25, "20:00")),
    _wrong("other time", "The report is due on Thursday at noon.", "Thursday at noon", "finish", time=_at(27, "12:00")),
    _wrong("other time", "Begin by 5pm.", "Begin by 5pm", "start", bound="latest", time=_at(24, "15:00")),
    _wrong("other time", "Run it between 1am and 6am.", "between 1am and 6am", "hours", allowed=True, start="13:00",
           end="18:00"),
    _wrong("other time", "No computing on Wednesdays.", "No computing on Wednesdays", "hours", allowed=False,
           weekdays=["thu"]),
    _wrong("invented", "Please take good care of it.", "take good care", "region", regions=[1], allowed=True),
    _wrong("invented", "It is an important job for the board.", "important job", "cost_total", max_gbp=10),
    _wrong("invented", "It is an important job for the board.", "for the board", "finish", time=_at(24, "17:00")),
    _wrong("invented", "Many thanks in advance!", "Many thanks", "preference", first="carbon"),
    _wrong("invented", "Train the model on our images.", "on our images", "pausing", allowed=True),
    _wrong("invented", "The data set is about London buses.", "about London buses", "region", regions=[13],
           allowed=True),
    _wrong("invented", "Last week it ran in Wales.", "ran in Wales", "region", regions=WALES, allowed=True),
    _wrong("invented", "It needn't finish by 6pm.", "finish by 6pm", "finish", time=_at(24, "18:00")),
    _wrong("quote from elsewhere", "Emit at most 500 g of CO2.", "at most 900 g of CO2", "carbon_total", max_g=900),
    _wrong("quote from elsewhere", "Weekends only.", "must stay in London", "region", regions=[13], allowed=True),
    _wrong("quote from elsewhere", "Begin by 5pm.", "finish by 8pm", "finish", time=_at(24, "20:00")),
    _wrong("quote from elsewhere", "Finish in London by noon, or cap it at £3.", "noon", "cost_total", max_gbp=3),
    _wrong("quote from elsewhere", "Only in Wales. Thank you, Bob.", "Thank you, Bob", "region", regions=WALES,
           allowed=True),
    _wrong("other number, German", "Nicht mehr als 5 Pfund.", "Nicht mehr als 5 Pfund", "cost_total", max_gbp=50),
    _wrong("other number, French", "Fini avant 18 h.", "avant 18 h", "finish", time=_at(24, "21:00")),
)  # fmt: skip

PARAPHRASES: tuple[Paraphrases, ...] = (
    Paraphrases("only Scotland", {"kind": "region", "regions": SCOTLAND, "allowed": True}, (
        "It must stay in Scotland.", "Scotland only.", "Do not run it outside Scotland.",
        "Keep it within Scotland.", "Nowhere but Scotland, please.", "It is not allowed to leave Scotland.")),
    Paraphrases("not in London", {"kind": "region", "regions": [13], "allowed": False}, (
        "Not in London.", "Anywhere except London.", "Please avoid London.", "It must not run in London.",
        "Keep it out of London.", "London is off limits.")),
    Paraphrases("done by 6pm", {"kind": "finish", "time": _at(24, "18:00")}, (
        "Finish by 6pm.", "It has to be done by 18:00.", "It must be finished no later than 6 pm.",
        "I need the results by 6pm today.", "The deadline is 18:00.", "Must complete before 6pm.")),
    Paraphrases("not before 8pm", {"kind": "start", "bound": "earliest", "time": _at(24, "20:00")}, (
        "Not before 8pm.", "Start no earlier than 20:00.", "It must not start before 8 pm.",
        "Start after 8pm.", "Don't begin until 20:00.")),
    Paraphrases("not from four to seven", {"kind": "hours", "allowed": False, "start": "16:00", "end": "19:00"}, (
        "Not between 4pm and 7pm.", "Avoid 16:00-19:00.", "Please don't run between 4 and 7 pm.",
        "Never run it from 4pm to 7pm.", "It must not run between 16:00 and 19:00.")),
    Paraphrases("at most £5", {"kind": "cost_total", "max_gbp": 5.0}, (
        "At most £5.", "Don't spend more than 5 pounds.", "The budget is £5.", "It must cost less than £5.",
        "Keep the total cost below five pounds.", "No more than £5.00 in total.")),
    Paraphrases("at most 2 kg", {"kind": "carbon_total", "max_g": 2000.0}, (
        "At most 2 kg of CO2.", "No more than 2000 g of CO2.", "Emissions must stay below 2 kg.",
        "It must not emit more than 2 kg of carbon.", "The carbon cap is 2,000 grams.")),
    Paraphrases("below 100 g/kWh", {"kind": "carbon_intensity", "max_g_per_kwh": 100.0}, (
        "Below 100 g/kWh.", "The carbon intensity must not exceed 100 gCO2/kWh.", "At most 100 g per kWh.",
        "Only when the grid is under 100 grams per kWh.", "No more than 0.1 kg of CO2 per kWh.")),
    Paraphrases("half renewable", {"kind": "renewable_share", "min_pct": 50.0}, (
        "At least 50% renewable.", "No less than 50 % renewables.", "Minimum 50 percent renewable energy.",
        "The renewable share must be at least 50 %.", "It needs 50% or more renewable power.")),
    Paraphrases("15p per kWh", {"kind": "price_per_kwh", "max_gbp_per_kwh": 0.15}, (
        "At most 15p per kWh.", "No more than £0.15/kWh.", "The price must stay below 15 pence per kWh.",
        "Never pay more than 15p/kWh.", "Under 15p a kWh.")),
    Paraphrases("in one go", {"kind": "pausing", "allowed": False}, (
        "Don't pause it.", "It cannot be paused.", "Run it in one go.", "It must run without interruption.",
        "No pauses, please.")),
    Paraphrases("may pause", {"kind": "pausing", "allowed": True}, (
        "It can be paused.", "Pausing is fine.", "You may pause it.", "It may be interrupted.",
        "Feel free to pause it.")),
    Paraphrases("greenest", {"kind": "preference", "first": "carbon"}, (
        "As green as possible.", "Lowest carbon, please.", "Make it as low-carbon as possible.",
        "Minimise the emissions.", "Please keep the carbon footprint as small as possible.")),
    Paraphrases("cheapest", {"kind": "preference", "first": "cost"}, (
        "As cheap as possible.", "Make it as cheap as you can.", "Lowest cost, please.",
        "Minimise the cost.", "Cheapest option, please.")),
)  # fmt: skip

RIGHT_PASS = Case("right answers pass", "Every kind, many wordings, with negation.", suite="reading")
WRONG_STOPPED = Case("wrong answers are stopped", "Inverted, another figure or place, invented.", suite="reading")
READING: tuple[Case, ...] = (RIGHT_PASS, WRONG_STOPPED)
PARAPHRASED: tuple[Case, ...] = tuple(
    Case(group.name, f"{len(group.wordings)} wordings of one request.", suite="paraphrases") for group in PARAPHRASES
)
