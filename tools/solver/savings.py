"""What a placement saves against running now, and whether that is worth a shift."""

from tools.placement import Option, Value


class Savings(Value):
    """Counterfactual minus option: positive is better than running now. Percentages over 0 are None."""

    carbon_g: float
    carbon_pct: float | None
    cost_gbp: float | None
    cost_pct: float | None
    objective_gbp: float
    objective_pct: float | None
    delay_hours: float
    """How much later the run starts."""


def savings(option: Option, now: Option) -> Savings:
    """Compares with the counterfactual of `run_now`."""
    costs = option.cost_gbp is not None and now.cost_gbp is not None
    cost_gbp = (now.cost_gbp or 0.0) - (option.cost_gbp or 0.0) if costs else None
    return Savings(
        carbon_g=now.carbon_g - option.carbon_g,
        carbon_pct=_share(now.carbon_g - option.carbon_g, now.carbon_g),
        cost_gbp=cost_gbp,
        cost_pct=None if cost_gbp is None else _share(cost_gbp, now.cost_gbp or 0.0),
        objective_gbp=_objective(now, costs=costs) - _objective(option, costs=costs),
        objective_pct=_share(
            _objective(now, costs=costs) - _objective(option, costs=costs), _objective(now, costs=costs)
        ),
        delay_hours=(option.start - now.start).total_seconds() / 3600,
    )


def worth_shifting(option: Option, now: Option, min_saving: float) -> bool:
    """Whether the option's objective is below the counterfactual's by at least that share of it."""
    saved = savings(option, now)
    base = abs(now.objective_gbp)
    return saved.objective_gbp > 0 and saved.objective_gbp >= min_saving * base


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


def _share(saved: float, base: float) -> float | None:
    return None if abs(base) < 1e-9 else 100 * saved / abs(base)
