"""The values that the cascade puts together, before anything is said of what they mean."""

from datetime import date, datetime, timedelta

import pytest

from agents.request import times
from agents.request.context import LIMITS
from agents.request.lexicon import tagged
from agents.request.roles import gpu_model
from agents.request.tokens import Tag, tokens
from agents.request.values import valued
from tests.unit.agents.request.labels import NOW
from tools.slots import UK

TODAY = date(2026, 11, 25)
"""A Wednesday."""


def values(text: str) -> list[Tag]:
    return [tag for tag in valued(tagged(tokens(text)), TODAY) if tag.type in LIMITS]


def amounts(text: str) -> list[tuple[str, float]]:
    return [(tag.type, round(tag.value, 6)) for tag in values(text) if isinstance(tag.value, float)]


def stamps(text: str) -> list[str]:
    found = (tag.value for tag in values(text) if tag.type == "INSTANT" and not tag.value.is_whole_day)
    return [f"{times.resolve(said, NOW, 'late'):%a %H:%M}" for said in found]


def hours(text: str) -> list[str]:
    windows = [times.window(tag.value, NOW) for tag in values(text) if tag.type.startswith("RANGE")]
    return ["{:%H:%M}-{:%H:%M}".format(*window) for window in windows if window]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("a hundred and sixty grams per kilowatt hour", ("GKWH", 160)),
        ("fourteen hundred grammes", ("MASS", 1400)),
        ("two hundred and fifty five pounds", ("MONEY", 255)),
        ("nought point nine kilos", ("MASS", 900)),
        ("one and a half kilos", ("MASS", 1500)),
        ("a score of pounds", ("MONEY", 20)),
        ("a good tenner", ("MONEY", 10)),
        ("two tenners", ("MONEY", 20)),
        ("a quid fifty", ("MONEY", 1.5)),
        ("£3,50", ("MONEY", 3.5)),
        ("price < 0.175", ("RATE", 0.175)),
        ("MAX_G=700", ("MASS", 700)),
        ("kilo of CO2", ("MASS", 1000)),
        ("gCO2/kWh under 150", ("GKWH", 150)),
        ("hundred fifty grams per kWh", ("GKWH", 150)),
        ("renewables >= .8", ("PCT", 80)),
        ("four parts in five", ("PCT", 80)),
        ("nine out of every 10", ("PCT", 90)),
        ("three fourths", ("PCT", 75)),
        ("pause count 0", ("COUNT", 0)),
        ("a third pause", ("COUNT", 3)),
        ("two dozen kWh", ("ENERGY", 24)),
        ("max_cost_gbp=9.50", ("MONEY", 9.5)),
        ("£180 per megawatt-hour", ("RATE", 0.18)),
        ("90 grams a unit", ("GKWH", 90)),
        ("gkwh limit 210", ("GKWH", 210)),
        ("four fifths", ("PCT", 80)),
        ("7 tenths", ("PCT", 70)),
        ("a fifth or more", ("PCT", 20)),
        ("at least a tenth", ("PCT", 10)),
        ("half the power", ("PCT", 50)),
        ("half or more", ("PCT", 50)),
        ("two stops", ("COUNT", 2)),
        ("2½ kg of CO2", ("MASS", 2500)),
        ("half from renewables", ("PCT", 50)),
        ("half of it has to be renewable", ("PCT", 50)),
        ("fourteen and a half pence for each kilowatt-hour", ("RATE", 0.145)),
        ("thrice", ("COUNT", 3)),
    ],
)
def test_an_amount_is_read_as_it_is_spelt(text: str, amount: tuple[str, float]) -> None:
    assert amount in amounts(text)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("an hour and three quarters", 105),
        ("two hours and a quarter", 135),
        ("seven quarters of an hour", 105),
        ("5½ hours", 330),
        ("one hour ten", 70),
        ("two and a quarter hours", 135),
        ("one hour and half", 90),
        ("an hour and a half or more", 90),
        ("a one-hour job", 60),
        ("a full hour", 60),
        ("40+ minutes", 40),
    ],
)
def test_a_length_is_read_as_it_is_spelt(text: str, minutes: int) -> None:
    assert [tag.value for tag in values(text) if tag.type == "SPAN"] == [timedelta(minutes=minutes)]


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("£9 would be nice, but not above 12.", ("MONEY", 12)),
        ("80% was the rule; we have relaxed it to 65.", ("PCT", 65)),
        ("It was 31p a kWh, we can't afford more than 25.", ("RATE", 0.25)),
        ("I'd have said 3 kg, the board said 2, the board wins.", ("MASS", 2000)),
        ("It was paused five times, but no more than three.", ("COUNT", 3)),
        ("Pauses: no more than two.", ("COUNT", 2)),
        ("The limit is 800. Grams.", ("MASS", 800)),
        ("Grams per kWh: 85", ("GKWH", 85)),
        ("Put 120 (g per kWh).", ("GKWH", 120)),
        ("We had 3 kg. Now it is half that.", ("MASS", 1500)),
        ("He said £60. Two thirds of that, and no more.", ("MONEY", 40)),
    ],
)
def test_a_number_takes_the_unit_that_was_said(text: str, amount: tuple[str, float]) -> None:
    assert amount in amounts(text)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("A £9,000 grant for reels of 1899.", ("MONEY", 1899)),
        ("At most £5; it is the run of 30 files.", ("MONEY", 30)),
        ("Pay £5. Tell Ann in room 7.", ("MONEY", 7)),
        ("I have 4 GPUs; use 3.", ("MONEY", 3)),
    ],
)
def test_what_counts_something_else_takes_no_unit(text: str, amount: tuple[str, float]) -> None:
    assert amount not in amounts(text)


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("at seven p m", "Wed 19:00"),
        ("Thursday, half seven pm", "Thu 19:30"),
        ("ready at 6 (pm)", "Wed 18:00"),
        ("by Thursday at one", "Thu 13:00"),
        ("the 26th, 17h30", "Thu 17:30"),
        ("28th, 1400h", "Sat 14:00"),
        ("27/11 0900", "Fri 09:00"),
        ("till 27.11. 12:00", "Fri 12:00"),
        ("27-Nov 18:00", "Fri 18:00"),
        ("27-11-2026 09:30", "Fri 09:30"),
        ("two days from now at 19:45", "Fri 19:45"),
        ("in three days at 10am", "Sat 10:00"),
        ("tomorrow week, noon", "Thu 12:00"),
        ("by 6pm mon", "Mon 18:00"),
        ("8ish on Friday evening", "Fri 20:00"),
        ("at five thirty on Friday", "Fri 17:30"),
        ("b4 9am on Friday", "Fri 09:00"),
        ("before Tuesday 20 h", "Tue 20:00"),
        ("7.15 this evening", "Wed 19:15"),
        ("at 4 in the morning tomorrow", "Thu 04:00"),
        ("at one in the morning tomorrow", "Thu 01:00"),
        ("past nine on Tuesday morning", "Tue 09:00"),
        ("tomorrow teatime, let's say 16:30", "Thu 16:30"),
        ("two hours before midnight tomorrow", "Thu 22:00"),
        ("an hour after noon tomorrow", "Thu 13:00"),
        ("an hour before the 2pm release on Friday", "Fri 13:00"),
        ("one minute past midnight on Tuesday", "Tue 00:01"),
        ("an hour past midnight tonight", "Thu 01:00"),
        ("27th by 10 in the morning", "Fri 10:00"),
    ],
)
def test_an_instant_is_read_as_it_is_spelt(text: str, stamp: str) -> None:
    assert stamps(text) == [stamp]


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("The meeting is on Monday at 2. Have it by noon.", "Mon 12:00"),
        ("The 2pm cut-off on Monday is a hard one.", "Mon 14:00"),
        ("Not after 7pm on Thursday nor before 6am that day", "Thu 06:00"),
        ("From 10pm on Friday, done by 6am.", "Sat 06:00"),
        ("Over by 6am on Friday, and not begun before 10pm.", "Thu 22:00"),
        ("Tomorrow at 3pm is the premiere. I must have it 30 minutes before.", "Thu 14:30"),
        ("The doors open at 7 tomorrow evening. An hour ahead of that I need it.", "Thu 18:00"),
        ("It arrives at 2pm tomorrow; be finished three hours later.", "Thu 17:00"),
    ],
)
def test_a_clock_takes_its_day_and_a_length_its_instant(text: str, stamp: str) -> None:
    assert stamp in stamps(text)


def test_a_clock_of_another_sentence_further_off_stays_undated() -> None:
    far = values("We met on Monday. It went well. All are happy. Finish by 6pm.")[-1]
    assert far.value.day is None


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("1am through 5am", "01:00-05:00"),
        ("from ten to four", "10:00-16:00"),
        ("eight till eight", "08:00-20:00"),
        ("weekdays ten to four", "10:00-16:00"),
        ("Saturday, nine to one", "09:00-13:00"),
        ("02h00 - 06h00", "02:00-06:00"),
        ("between 0h and 6h", "00:00-06:00"),
        ("hours 01-05", "01:00-05:00"),
        ("1800 thru 0600", "18:00-06:00"),
        ("20.00 to midnight", "20:00-00:00"),
        ("9.30-11.30", "09:30-11:30"),
        ("one till five in the small hours", "01:00-05:00"),
        ("mo-fr 0-6", "00:00-06:00"),
        ("08:00 till 10:30", "08:00-10:30"),
        ("btwn 1am and 5am", "01:00-05:00"),
        ("within 21:30 and 05:00", "21:30-05:00"),
        ("4-7 in the evening", "16:00-19:00"),
        ("between 6 and 9 of a morning", "06:00-09:00"),
        ("between one and two in the afternoon", "13:00-14:00"),
        ("ten in the evening to one in the morning", "22:00-01:00"),
        ("5 to 8 every morning", "05:00-08:00"),
        ("8 till 10 each evening", "20:00-22:00"),
        ("the evening, 7 to 11", "19:00-23:00"),
        ("overnight between ten and five", "22:00-05:00"),
        ("in the night from 1 to 3", "01:00-03:00"),
        ("nights only, ten till six", "22:00-06:00"),
        ("8.30 to 10.30 in the morning", "08:30-10:30"),
        ("five till seven", "17:00-19:00"),
        ("the shift is 22-6.", "22:00-06:00"),
        ("the office (9-5)", "09:00-17:00"),
        ("from 18h to 24h", "18:00-00:00"),
        ("four till half seven", "16:00-19:30"),
        ("each evening from five to half past seven", "17:00-19:30"),
        ("Afternoon.", "12:00-18:00"),
        ("9-5 mon-fri", "09:00-17:00"),
        ("4-7 is a no", "16:00-19:00"),
        ("nothing after 11pm or before 8am", "23:00-08:00"),
        ("not before 8am or after 11pm", "23:00-08:00"),
        ("we open the shop at 8.30 and close at 5.30", "08:30-17:30"),
    ],
)
def test_hours_are_read_as_they_are_spelt(text: str, window: str) -> None:
    assert hours(text) == [window]


def test_tonight_between_two_hours_goes_over_midnight() -> None:
    window = times.window(values("tonight, between 11 and 3")[0].value, NOW)
    assert window == (datetime(2026, 11, 25, 23, tzinfo=UK), datetime(2026, 11, 26, 3, tzinfo=UK))


@pytest.mark.parametrize(
    "text", ["weekdays except Wednesdays", "weekdays, bar Wednesdays", "weekdays, Wednesdays excepted"]
)
def test_days_are_taken_out_of_days(text: str) -> None:
    assert [tag.value for tag in values(text)] == [frozenset({"mon", "tue", "thu", "fri"})]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("not on the 24th or 25th", ["INSTANT"] * 2),
        ("24, 25 and 26 December", ["INSTANT"] * 3),
        ("Mon 7, Tue 8, Wed 9 December", ["INSTANT"] * 3),
        ("Mon 14 to Thu 17 December", ["RANGE"]),
        ("Mon/Wed/Fri", ["DAYS"]),
        ("Mo, Fr", ["DAYS"]),
        ("Sat+Sun", ["DAYS"]),
        ("Tuesdays & Fridays", ["DAYS"]),
    ],
)
def test_each_day_of_a_list_is_a_value(text: str, kinds: list[str]) -> None:
    assert [tag.type for tag in values(text)] == kinds


@pytest.mark.parametrize("text", ["Mon 8-12 and 14-16", "8-12 and 14-16 on Mondays"])
def test_a_day_is_of_both_ranges(text: str) -> None:
    assert [bool(tag.value[0].day or tag.value[0].days) for tag in values(text)] == [True, True]


def test_a_number_before_a_date_is_an_hour_where_no_list_is() -> None:
    assert stamps("by 9, 26 November") == ["Thu 09:00"]


@pytest.mark.parametrize(("text", "model"), [("NVIDIA H100s", "H100"), ("the 4090s", "RTX 4090"), ("A5000", "A5000")])
def test_a_gpu_is_called_by_its_model(text: str, model: str) -> None:
    assert gpu_model(values(text)[0]) == model


def test_a_gpu_that_is_counted_is_still_named() -> None:
    assert [tag.type for tag in values("2x A100")] == ["GPUS", "GPU"]
    assert [tag.type for tag in values("H100 x2")] == ["GPU", "GPUS"]
