"""Which orders of options may be recommended. The policy decides; a model decides only where it does not matter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tools.market import Market
from tools.placement import Asset, Option, Problem, Segment
from tools.solver.baseline import basis, counterfactual, runs_now
from tools.solver.candidates import DIVERSE, all_apart, compute_candidates, energy_candidates
from tools.solver.options import rounded, sort_key
from tools.solver.policy import is_harmless, worth_shifting
from tools.solver.remember import remembered

CHOICES = DIVERSE


class Shortlist:
    """The options that the head agent may rank: those of both other agents, the policy's first choice, running now."""

    def __init__(self, problem: Problem, market: Market, option_ids: Sequence[str]) -> None:
        self._problem = problem
        self._pool = _pool(problem, market)
        self.now, self.winner = self._pool.now, self._pool.winner
        known = {option.option_id: option for option in self._pool.known}
        if self.now is not None:
            known.setdefault(self.now.option_id, self.now)
        ids = dict.fromkeys([*option_ids, self.winner.option_id, *self._pool.preferred_now])
        self.by_id = {option_id: known[option_id] for option_id in ids}
        self.options = tuple(self.by_id.values())

    def is_worse(self, option: Option) -> bool:
        """Whether the option must not stand first: it is not the policy's choice, and not as good as that either."""
        if _same(option, self.winner):
            return False
        as_good = rounded(option.objective_gbp) <= rounded(self.winner.objective_gbp)
        return self.runs_now(self.winner) or not (as_good and is_harmless(self._problem, option, self.now))

    def select(self, chosen: Sequence[str]) -> list[Option]:
        """Up to three options that are apart from each other, the winner first, the others by objective.

        The chosen ones are kept as far as that allows; what is missing is filled up from all that are known.
        """
        picked = [self.by_id[option_id] for option_id in dict.fromkeys(chosen) if option_id in self.by_id]
        if not picked or self.is_worse(picked[0]):
            picked.insert(0, self.winner)
        first, *others = picked
        rest = sorted(self._pool.known, key=sort_key)
        settled = _apart([first, *others, *rest])
        if len(settled) < CHOICES:  # a chosen one may stand in the way of two others
            settled = max(settled, _apart([first, *rest]), _soonest([first], rest), key=len)
        return [settled[0], *sorted(settled[1:], key=sort_key)]

    def runs_now(self, option: Option) -> bool:
        """Whether the option is running now at its site."""
        return self._pool.runs_now(option)

    def is_now(self, option: Option) -> bool:
        """Whether the option is the same as running now at the preferred site."""
        return self.now is not None and option.asset == self.now.asset and option.segments == self.now.segments


@dataclass(frozen=True)
class _Pool:
    """All options of a problem, and the one that the policy puts first."""

    now: Option | None
    known: tuple[Option, ...]
    at_once: frozenset[tuple[Asset, tuple[Segment, ...]]]
    preferred_now: tuple[str, ...]
    """Ids of those that run now at the preferred site."""
    winner: Option

    def runs_now(self, option: Option) -> bool:
        return (option.asset, option.segments) in self.at_once


@remembered
def _pool(problem: Problem, market: Market) -> _Pool:
    now = counterfactual(problem, market)
    known = (*energy_candidates(problem, market), *compute_candidates(problem, market))
    at_once = frozenset((one.asset, one.segments) for one in runs_now(problem, market))
    stays = [option for option in known if (option.asset, option.segments) in at_once]
    home = problem.preferred_asset if basis(problem) == "preferred" else None
    preferred = tuple(option.option_id for option in stays if option.asset.name == home)
    harmless = {option.option_id: option for option in known if is_harmless(problem, option, now)}
    if harmless:
        stays = [option for option in stays if option.option_id in harmless]
        winner = _first_choice(problem, market, list(harmless.values()), stays, home)
    else:
        winner = min(known, key=lambda option: (rounded(option.carbon_g), sort_key(option)))
    return _Pool(now, known, at_once, preferred, winner)


def _first_choice(
    problem: Problem, market: Market, harmless: Sequence[Option], stays: Sequence[Option], home: str | None
) -> Option:
    """The best that does no harm, where it is worth leaving running now for; else running now.

    Running now is at the preferred site, or at a better one that is itself worth the change of place.
    """
    best = min(harmless, key=sort_key)
    if not stays:
        return best
    stay = min(stays, key=sort_key)
    there = next((option for option in stays if option.asset.name == home), None)
    if there is not None and not worth_shifting(problem, market, stay, there):
        stay = there
    return best if worth_shifting(problem, market, best, stay) else stay


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
