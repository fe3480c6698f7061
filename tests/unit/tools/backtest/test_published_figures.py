"""The figures of "Let's Wait Awhile", through the product's own search."""

import pytest

from tools.backtest.paper import paper_figures
from tools.backtest.trace import read_trace


def test_all_eight_figures_for_great_britain_come_out_as_printed(shared_data):
    figures = paper_figures(read_trace(shared_data / "lets-wait-awhile" / "gb_ci.csv"))
    assert len(figures) == 8
    for figure in figures:
        assert figure.ours == pytest.approx(figure.published, abs=0.001), figure
