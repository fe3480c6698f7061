"""Tables of a person's terminal."""

import io

import pytest
from rich.console import Console

from graph.cli.output import make_table
from graph.views.rows import LIST_COLUMNS, NARROW_COLUMNS, SHRINKABLE, WIDE, list_cells

ROWS = [
    {
        "id": f"{number:08d}-0000-4000-8000-000000000000",
        "workload_name": name,
        "status": "queued",
        "recommended_region": "North Wales & Merseyside",
        "recommended_time_window_start": "2026-11-03T21:30:00+00:00",
        "recommended_time_window_end": "2026-11-05T07:30:00+00:00",
        "recommended_carbon_intensity": 123.4,
        "recommended_cost_gbp": 1234.56,
    }
    for number, name in enumerate(("night", "retraining of the recommendation model for all of Europe", ""))
]


@pytest.mark.parametrize("width", [72, 80, 100, 120, 200])
def test_a_list_is_one_line_per_workload_and_shortens_nothing_but_names(width: int) -> None:
    is_narrow = width < WIDE
    columns = NARROW_COLUMNS if is_narrow else LIST_COLUMNS
    cells = [list_cells(row, is_narrow=is_narrow) for row in ROWS]
    screen = io.StringIO()
    Console(file=screen, width=width, force_terminal=True, color_system=None).print(
        make_table("", columns, cells, shrinkable=SHRINKABLE)
    )
    lines = [line.rstrip() for line in screen.getvalue().splitlines() if line.strip(" ─")]
    assert len(lines) == 1 + len(ROWS)
    assert max(map(len, lines)) <= width
    for row, line in zip(ROWS, lines[1:], strict=True):
        assert line.lstrip().startswith(str(row["id"])[:8])
        assert line.endswith("1234.56")
        assert "03 Nov 21:30" in line
    assert ("…" in lines[2]) is (width < 150)
