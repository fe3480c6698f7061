"""Which orders of options may be recommended. The policy decides; a model decides only where it does not matter."""

from collections.abc import Iterable, Sequence

from tools.market import Market
from tools.placement import Option, Problem
from tools.solver.baseline import basis, counterfactual, runs_now
from tools.solver.candidates import DIVERSE, all_apart, compute_candidates, energy_candidates
from tools.solver.options import rounded, sort_key
from tools.solver.policy import is_harmless, worth_shifting

CHOICES = DIVERSE


class Shortlist:
    """The options that the head agent may rank: those of both other agents, the policy's first choice, running now."""

    def __init__(self, problem: Problem, market: Market, option_ids: Sequence[str]) -> None:
        self.now = counterfactual(problem, market)
        self._problem, self._market = problem, market
        self._known = (*energy_candidates(problem, market), *compute_candidates(problem, market))
        self._at_once = {(one.asset, one.segments) for one in runs_now(problem, market)}
        self.winner = self._first_choice()
        known = {option.option_id: option for option in self._known}
        if self.now is not None:
            known.setdefault(self.now.option_id, self.now)
        at_once = [one.option_id for one in self._known if self.runs_now(one) and self._is_preferred(one)]
        ids = dict.fromkeys([*option_ids, self.winner.option_id, *at_once])
        self.by_id = {option_id: known[option_id] for option_id in ids}
        self.options = tuple(self.by_id.values())

    def is_worse(self, option: Option) -> bool:
        """Whether the option must not stand first: it is not the policy's choice, and not as good as that either."""
        if _same(option, self.winner):
            return False
        as_good = rounded(option.objective_gbp) <= rounded(self.winner.objective_gbp) and self._is_harmless(option)
        return self.runs_now(self.winner) or not as_good

    def select(self, chosen: Sequence[str]) -> list[Option]:
        """Up to three options that are apart from each other, the winner first, the others by objective.

        The chosen ones are kept as far as that allows; what is missing is filled up from all that are known.
        """
        picked = [self.by_id[option_id] for option_id in dict.fromkeys(chosen) if option_id in self.by_id]
        if not picked or self.is_worse(picked[0]):
            picked.insert(0, self.winner)
        first, *others = picked
        rest = sorted(self._known, key=sort_key)
        settled = _apart([first, *others, *rest])
        if len(settled) < CHOICES:  # a chosen one may stand in the way of two others
            settled = max(settled, _apart([first, *rest]), _soonest([first], rest), key=len)
        return [settled[0], *sorted(settled[1:], key=sort_key)]

    def runs_now(self, option: Option) -> bool:
        """Whether the option is running now at its site."""
        return (option.asset, option.segments) in self._at_once

    def is_now(self, option: Option) -> bool:
        """Whether the option is the same as running now at the preferred site."""
        return self.now is not None and option.asset == self.now.asset and option.segments == self.now.segments

    def _first_choice(self) -> Option:
        """The best that does no harm, where it is worth leaving running now for; else running now.

        Running now is at the preferred site, or at a better one that is itself worth the change of place.
        """
        harmless = [option for option in self._known if self._is_harmless(option)]
        if not harmless:
            return min(self._known, key=lambda option: (rounded(option.carbon_g), sort_key(option)))
        best = min(harmless, key=sort_key)
        at_once = [option for option in harmless if self.runs_now(option)]
        if not at_once:
            return best
        stay = min(at_once, key=sort_key)
        home = next((option for option in at_once if self._is_preferred(option)), None)
        if home is not None and not self._is_worth(stay, home):
            stay = home
        return best if self._is_worth(best, stay) else stay

    def _is_preferred(self, option: Option) -> bool:
        return basis(self._problem) == "preferred" and option.asset.name == self._problem.preferred_asset

    def _is_harmless(self, option: Option) -> bool:
        return is_harmless(self._problem, option, self.now)

    def _is_worth(self, option: Option, over: Option) -> bool:
        return worth_shifting(self._problem, self._market, option, over)


def _apart(options: Iterable[Option]) -> list[Option]:
    found: list[Option] = []
    for option in options:
        if len(found) < CHOICES and all_apart(option, found):
            found.append(option)
    return found


def _soonest(first: list[Option], options: Sequence[Option]) -> list[Option]:
    return _apart([*first, *sorted(options, key=lambda option: option.start)])


def _same(one: Option, other: Option) -> bool:
    return one.asset == other.asset and one.segments == other.segments
