"""`gridwise backtest --vintages` and `--prices`: what the confidence and the estimated prices were fitted on."""

from pathlib import Path

from graph.cli.output import Output
from tools.backtest.prices import error_spread, fitted_p_per_g, looks, scores
from tools.backtest.trace import Trace, TraceError
from tools.backtest.vintages import (
    FIRST_RULE,
    brier_difference,
    crossed,
    fit,
    groups,
    lead_difference,
    read_vintages,
    sd_per_root_g,
    shifts,
)
from tools.solver.confidence import error_model

RELIABILITY = ("decisions", "how many", "mean said", "came true [95 %]", "Brier [95 %]")
PRICES = ("estimate", "half-hours", "MAE p/kWh", "RMSE p/kWh", "share of the possible saving %")


def show_vintages(output: Output, folder: Path) -> None:
    """Reliability and Brier score of the rule in use beside the first one, and what a fit on these vintages gives."""
    vintages = read_vintages(folder)
    made, rule = list(shifts(vintages)), error_model()
    listed = {"rule in use": groups(made, rule), "first rule": groups(made, FIRST_RULE)}
    free, optimism = fit(made, rule)
    better, lead = brier_difference(made, rule, FIRST_RULE), lead_difference(made, rule)
    fitted = {
        "sd_per_root_g": round(sd_per_root_g(vintages), 3),
        "correlation_hours": free.correlation_hours,
        "slope": round(free.slope, 2),
        "optimism_if_free": round(optimism, 2),
        "brier_on_the_other_half": round(crossed(made, rule), 5),
        "brier_in_use_minus_first": [round(v, 5) for v in (better.value, better.low, better.high)],
        "brier_with_lead_minus_without": [round(v, 5) for v in (lead.value, lead.low, lead.high)],
    }
    output.records([{"rule": name, **group.record()} for name, found in listed.items() for group in found])
    output.records([{"rule": "fitted here", **fitted}])
    if output.as_json:
        return
    for name, found in listed.items():
        cells = [(g.name, str(g.decisions), f"{g.said:.3f}", g.came.words(3), g.brier.words(4)) for g in found]
        output.table(f"{name}: {len(made)} shifts on {len(vintages)} vintages", RELIABILITY, cells)
    output.say(f"Brier score of the rule in use minus that of the first: {better.words()} (below 0 is better).")
    output.say("Fitted here: " + ", ".join(f"{key} {value}" for key, value in fitted.items()) + ".")


def show_prices(output: Output, trace: Trace) -> None:
    """Both estimates' errors, and the share of the possible saving that each reaches."""
    seen = list(looks(trace))
    if not seen:
        msg = f"the trace {trace.name} has no two days of prices after a week of them"
        raise TraceError(msg)
    found = scores(seen)
    sd, hours = error_spread(seen)
    fitted = {"p_per_g": fitted_p_per_g(seen), "price_sd_gbp_per_kwh": sd, "price_correlation_hours": hours}
    output.records([score.record() for score in found])
    output.records([{"estimate": "fitted here", **{key: round(value, 4) for key, value in fitted.items()}}])
    if output.as_json:
        return
    cells = [
        (s.estimate, str(s.half_hours), f"{s.mae_p:.3f}", f"{s.rmse_p:.3f}", f"{s.saving_share_pct:.1f}") for s in found
    ]
    output.table(f"{len(seen)} looks at {trace.name}", PRICES, cells)
    output.say("Fitted here: " + ", ".join(f"{key} {value:.4f}" for key, value in fitted.items()) + ".")
