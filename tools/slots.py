"""New."""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

UK = ZoneInfo("Europe/London")


LONDON = ZoneInfo("Europe/London")


SLOT = timedelta(minutes=30)
"""Half-hour settlement period: figures, and so plans, are made per slot."""


LONDON_TIME = ZoneInfo("Europe/London")


def utc_time(value: object) -> datetime | None:
    """An ISO 8601 time with offset, in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_slot(start: datetime, end: datetime) -> bool:
    """One half-hour aligned to :00 or :30."""
    return end - start == SLOT and not start.minute % 30 and not start.second and not start.microsecond


def whole_slots(start: datetime, end: datetime, most: int) -> list[datetime]:
    """Starts of the half-hours of [start, end), at most `most`; empty when either end is not on a slot edge."""
    if not is_slot(start, start + SLOT) or (end - start) % SLOT:
        return []
    count = min(most, max(0, (end - start) // SLOT))
    return [start + i * timedelta(minutes=30) for i in range(count)]


SLOT_MINUTES = 30


HORIZON_SLOTS: Final = 96
"""48 hours from the slot that holds now: what NESO forecasts."""


SLOT = timedelta(minutes=30)


def slot_start(time: datetime) -> datetime:
    """Start of the half-hour that holds an aware time, in UTC."""
    utc = time.astimezone(UTC)
    return utc.replace(minute=utc.minute // 30 * 30, second=0, microsecond=0)
