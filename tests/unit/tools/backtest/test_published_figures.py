"""The figures of "Let's Wait Awhile", through the product's own search."""

from itertools import islice

import pytest

from tools.backtest.paper import NIGHTLY, paper_figures
from tools.backtest.trace import read_trace


def test_the_nightly_figures_for_great_britain_come_out_as_printed(shared_data):
    figures = paper_figures(read_trace(shared_data / "lets-wait-awhile" / "gb_ci.csv"))
    for figure in islice(figures, len(NIGHTLY)):
        assert figure.ours == pytest.approx(figure.published, abs=0.001), figure


@pytest.mark.long
def test_all_eight_figures_for_great_britain_come_out_as_printed(shared_data):
    figures = list(paper_figures(read_trace(shared_data / "lets-wait-awhile" / "gb_ci.csv")))
    assert len(figures) == 8
    for figure in figures:
        assert figure.ours == pytest.approx(figure.published, abs=0.001), figure
