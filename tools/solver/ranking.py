"""Which orders of options may be recommended. The objective decides; a model decides only where it does not matter."""

from collections.abc import Sequence

from tools.errors import NoDataError
from tools.market import Market
from tools.placement import Option, Problem
from tools.solver.candidates import compute_candidates, energy_candidates, is_apart
from tools.solver.savings import worth_shifting
from tools.solver.search import run_now

CHOICES = 3
NOISE_GBP = 1e-9


class Pool:
    """The options that the head agent may rank: those of both other agents, and running now where that is feasible."""

    def __init__(self, problem: Problem, market: Market, option_ids: Sequence[str]) -> None:
        self.now = _run_now(problem, market)
        self._min_saving = problem.min_saving
        known = (*energy_candidates(problem, market), *compute_candidates(problem, market))
        by_id = {option.option_id: option for option in known}
        ids = [*option_ids, *(option.option_id for option in known if self.is_now(option))]
        self.by_id = {option_id: by_id[option_id] for option_id in dict.fromkeys(ids)}
        self.options = tuple(self.by_id.values())

    @property
    def winner(self) -> Option:
        """The exact optimum; running now where that is feasible and the optimum does not save enough to shift."""
        best = min(self.options, key=lambda option: option.objective_gbp)
        current = next((option for option in self.options if self.is_now(option)), None)
        if self.now is None or current is None or worth_shifting(best, self.now, self._min_saving):
            return best
        return current

    def is_worse(self, option: Option) -> bool:
        """Whether the option must not stand first, being worse than the winner by more than arithmetic noise."""
        winner = self.winner
        if self.is_now(winner):
            return not self.is_now(option)
        return option.objective_gbp - winner.objective_gbp > NOISE_GBP

    def settled(self, chosen: Sequence[str]) -> list[Option]:
        """Up to three options that are apart from each other, the winner first, the others by objective.

        The chosen ones are kept as far as that allows; what is missing is filled up by objective.
        """
        picked = [self.by_id[option_id] for option_id in dict.fromkeys(chosen) if option_id in self.by_id]
        if not picked or self.is_worse(picked[0]):
            picked.insert(0, self.winner)
        rest = sorted(self.options, key=lambda option: option.objective_gbp)
        settled: list[Option] = []
        for option in (*picked, *rest):
            if len(settled) < CHOICES and all(is_apart(option, other) for other in settled):
                settled.append(option)
        return [settled[0], *sorted(settled[1:], key=lambda option: option.objective_gbp)]

    def is_now(self, option: Option) -> bool:
        """Whether the option is the same as running now."""
        return self.now is not None and option.asset == self.now.asset and option.segments == self.now.segments


def _run_now(problem: Problem, market: Market) -> Option | None:
    try:
        return run_now(problem, market)
    except NoDataError:
        return None
