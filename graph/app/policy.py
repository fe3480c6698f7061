"""What the deployment sets for all its workloads, from the settings."""

from graph.app.settings import Settings
from graph.problem import Policy


def policy_of(settings: Settings) -> Policy:
    """Places, objective, carbon price and least saving."""
    return Policy(
        places=settings.places,
        objective=settings.objective,
        carbon_price_gbp_per_tonne=settings.carbon_price_gbp_per_tonne,
        min_saving=settings.min_saving_pct / 100,
    )
