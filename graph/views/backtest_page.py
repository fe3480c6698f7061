"""The page of `gridwise backtest --html`."""

from collections.abc import Mapping, Sequence

from graph.views.charts import HATCHINGS, Line, bar_chart, line_chart
from graph.views.html import escape, page, table
from tools.backtest.calibration import Calibration
from tools.backtest.paper import Figure
from tools.backtest.report import PolicyResult

AGREES = {True: "yes", False: "NO", None: ""}


def backtest_page(
    title: str,
    *,
    rows: Sequence[PolicyResult] = (),
    months: Mapping[str, Mapping[str, float]] | None = None,
    figures: Sequence[Figure] = (),
) -> str:
    """Policies compared, or published figures beside ours."""
    parts = [f"<h1>{escape(title)}</h1>", HATCHINGS]
    if figures:
        parts.append(_figures(figures))
    if rows:
        parts += [_policies(rows), _months(months or {})]
    return page(f"gridwise backtest: {title}", "".join(parts))


def _figures(figures: Sequence[Figure]) -> str:
    cells = [
        (
            f.name,
            f.unit,
            "" if f.published is None else f"{f.published:.3f}",
            f"{f.ours:.3f}",
            "" if f.published is None else f"{f.ours - f.published:+.4f}",
            AGREES[f.agrees],
        )
        for f in figures
    ]
    savings = [f for f in figures if f.unit.startswith("%")]
    chart = bar_chart(
        "Carbon saved, published and ours (%)",
        "%",
        {f.name: {"ours": f.ours} | ({} if f.published is None else {"published": f.published}) for f in savings},
    )
    columns = ("figure", "unit", "published", "ours", "difference", "within 0.001")
    note = "<p>Wiesner et al., Let's Wait Awhile, Middleware 2021: 5 % error, mean of ten seeds.</p>"
    return note + table(columns, cells, numbers=(2, 3, 4), unbroken=(0,)) + chart


def _policies(rows: Sequence[PolicyResult]) -> str:
    carbon = {r.policy: r.carbon_saved_pct for r in rows if r.carbon_saved_pct is not None and r.policy != "run now"}
    cost = {r.policy: r.cost_saved_pct for r in rows if r.cost_saved_pct is not None and r.policy != "run now"}
    charts = bar_chart("Carbon saved against running now (%)", "%", {"": carbon})
    if cost:
        charts += bar_chart("Cost saved against running now (%)", "%", {"": cost})
    cells = [
        (
            r.policy,
            f"{r.intensity_g_per_kwh:.1f}",
            f"{r.carbon_kg:.1f}",
            ""
            if r.carbon_saved_pct is None
            else f"{r.carbon_saved_pct:.2f}" + (f" ± {r.carbon_saved_sd_pct:.2f}" if r.carbon_saved_sd_pct else ""),
            "" if r.cost_gbp is None else f"{r.cost_gbp:.2f}",
            "" if r.cost_saved_pct is None else f"{r.cost_saved_pct:.2f}",
            f"{r.mean_delay_hours:.1f}",
            f"{r.shifted_pct:.0f}",
        )
        for r in rows
    ]
    columns = ("policy", "g/kWh", "CO2 kg", "CO2 saved %", "GBP", "GBP saved %", "mean delay h", "moved %")
    best = next((i for i, r in enumerate(rows) if r.policy == "ours"), -1)
    return charts + table(columns, cells, numbers=range(1, len(columns)), best=best)


def _months(months: Mapping[str, Mapping[str, float]]) -> str:
    labels = sorted({month for values in months.values() for month in values})
    if len(labels) < 2:
        return ""
    lines = [
        Line(policy, [values.get(month) for month in labels], strong=policy == "ours")
        for policy, values in months.items()
    ]
    ticks = {i + 0.5: label[2:] for i, label in enumerate(labels)}
    return line_chart("Carbon saved by month (%)", lines, ticks)


def calibration_page(name: str, score: Calibration) -> str:
    """What was said beside what came true."""
    title = f"Confidence on {name}"
    intro = (
        f"<p>{score.decisions} shifts chosen on the forecast; {score.won:.1%} beat running now once the actual "
        f"intensities were known. Brier score {score.brier:.4f}, of a constant {score.brier_constant:.4f}, under the "
        f"paper's 5 % noise {score.brier_paper:.4f} (0 is best).</p>"
    )
    groups = {
        f"{d.low:.1f}-{d.low + 0.1:.1f} (n={d.decisions})": {"said": d.said, "came true": d.came} for d in score.deciles
    }
    cells = [(f"{d.low:.1f}", str(d.decisions), f"{d.said:.3f}", f"{d.came:.3f}") for d in score.deciles]
    columns = ("from", "decisions", "said", "came true")
    body = f"<h1>{escape(title)}</h1>{intro}" + bar_chart("Said and came true, by tenth", "", groups)
    return page(title, body + table(columns, cells, numbers=(0, 1, 2, 3)))
