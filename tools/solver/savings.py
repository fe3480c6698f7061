"""What a placement saves against running now, in all and by place and by time."""

from tools.placement import Option, Value

LEAST_G_PER_KWH, LEAST_GBP_PER_KWH = 1.0, 0.001
"""Bases below these are near 0: a percentage of them is none."""
MOST_PCT = 1000.0


class Savings(Value):
    """Counterfactual minus option: positive is better than running now. A percentage that tells nothing is None."""

    carbon_g: float
    carbon_pct: float | None
    cost_gbp: float | None
    cost_pct: float | None
    objective_gbp: float
    objective_pct: float | None
    delay_hours: float
    """How much later the run starts."""


def savings(option: Option, now: Option) -> Savings:
    """Compares with the counterfactual of `baseline.counterfactual`."""
    costs = option.cost_gbp is not None and now.cost_gbp is not None
    cost_gbp = (now.cost_gbp or 0.0) - (option.cost_gbp or 0.0) if costs else None
    return Savings(
        carbon_g=now.carbon_g - option.carbon_g,
        carbon_pct=_share(now.carbon_g - option.carbon_g, now.carbon_g, LEAST_G_PER_KWH * now.energy_kwh),
        cost_gbp=cost_gbp,
        cost_pct=None
        if cost_gbp is None
        else _share(cost_gbp, now.cost_gbp or 0.0, LEAST_GBP_PER_KWH * now.energy_kwh),
        objective_gbp=_objective(now, costs=costs) - _objective(option, costs=costs),
        objective_pct=_share(
            _objective(now, costs=costs) - _objective(option, costs=costs),
            _objective(now, costs=costs),
            LEAST_GBP_PER_KWH * now.energy_kwh,
        ),
        delay_hours=(option.start - now.start).total_seconds() / 3600,
    )


class Part(Value):
    """One part of what is saved."""

    carbon_g: float
    cost_gbp: float | None


def split(option: Option, now: Option, now_there: Option | None) -> tuple[Part, Part] | None:
    """What is saved by place (running now at the option's site) and by time, which add up; None where it is unknown."""
    return None if now_there is None else (_part(now_there, now), _part(option, now_there))


def _part(option: Option, now: Option) -> Part:
    saved = savings(option, now)
    return Part(carbon_g=saved.carbon_g, cost_gbp=saved.cost_gbp)


def dominates(one: Option, other: Option) -> bool:
    """No worse in carbon, cost and finish, and better in one of them."""
    pairs = [(one.carbon_g, other.carbon_g), (one.end.timestamp(), other.end.timestamp())]
    if one.cost_gbp is not None and other.cost_gbp is not None:
        pairs.append((one.cost_gbp, other.cost_gbp))
    slack = [1e-9 * max(1.0, abs(b)) for _, b in pairs]
    no_worse = all(a <= b + s for (a, b), s in zip(pairs, slack, strict=True))
    return no_worse and any(a < b - s for (a, b), s in zip(pairs, slack, strict=True))


def _objective(option: Option, *, costs: bool) -> float:
    return option.objective_gbp if costs else option.objective_gbp - (option.cost_gbp or 0.0)


def _share(saved: float, base: float, least: float) -> float | None:
    """None where the base is near 0 or below, or the change so many times the base that a percentage tells nothing."""
    pct = 100 * saved / base if base >= least else None
    return None if pct is None or abs(pct) > MOST_PCT else pct
