"""The figures of "Let's Wait Awhile", through the product's own search."""

from dataclasses import replace
from itertools import islice

import pytest

from tools.backtest.paper import NIGHTLY, paper_figures
from tools.backtest.trace import TraceError, read_trace


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


def test_another_country_gets_its_figures_and_no_comparison(shared_data):
    """Twice the intensity is twice the nightly mean: definitions do not depend on the country."""
    gb = read_trace(shared_data / "lets-wait-awhile" / "gb_ci.csv")
    other = replace(gb, name="other", actual=2 * gb.actual)
    for figure, (_, published) in zip(islice(paper_figures(other), 2), NIGHTLY[:2], strict=True):
        assert (figure.published, figure.agrees) == (None, None)
        assert figure.ours == pytest.approx(2 * published, abs=0.002)


def test_a_trace_of_another_year_is_refused(shared_data):
    with pytest.raises(TraceError, match="the paper's year is 2020"):
        list(paper_figures(read_trace(shared_data / "neso" / "neso_2023_national_intensity.csv")))
