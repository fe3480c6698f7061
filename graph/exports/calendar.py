"""A calendar entry per stretch (RFC 5545)."""

from collections.abc import Iterator
from datetime import datetime

from graph.exports.run import Run

_FOLD_OCTETS = 75


def calendar(run: Run, now: datetime) -> str:
    """`now`: the time of writing, aware."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//gridwise//placement//EN", "CALSCALE:GREGORIAN"]
    for number, (start, end) in enumerate(run.segments, 1):
        part = f" (part {number} of {len(run.segments)})" if len(run.segments) > 1 else ""
        lines += [
            "BEGIN:VEVENT",
            f"UID:{run.workload_id}-{number}@gridwise",
            f"DTSTAMP:{_stamp(now)}",
            f"DTSTART:{_stamp(start)}",
            f"DTEND:{_stamp(end)}",
            f"SUMMARY:{_text(run.name + part)}",
            f"LOCATION:{_text(run.region)}",
            f"DESCRIPTION:{_text(run.summary)}",
            "TRANSP:TRANSPARENT",
            "END:VEVENT",
        ]
    lines.append("END:VCALENDAR")
    return "".join(f"{part}\r\n" for line in lines for part in _folded(line))


def _stamp(time: datetime) -> str:
    return f"{time:%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return "\\n".join("".join(c for c in line if c.isprintable()) for line in escaped.splitlines())


def _folded(line: str) -> Iterator[str]:
    """No line of more than 75 octets, and no character cut in two."""
    part, octets, limit = "", 0, _FOLD_OCTETS
    for character in line:
        size = len(character.encode())
        if octets + size > limit:
            yield part
            part, octets = " ", 1
        part, octets = part + character, octets + size
    yield part
