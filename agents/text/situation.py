"""What sentences are about: a problem, its market, the options in the answer's order, and running now."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from agents.state import ComputeAnalysis
from agents.text.claims import Who
from agents.text.figures import clock
from tools.market import FloatArray, Market
from tools.placement import Option, Problem
from tools.regions import region_name
from tools.slots import SLOT

PLACES: tuple[Who, ...] = ("first", "second", "third")


@dataclass(frozen=True)
class Situation:
    """Everything that a claim can be looked up in."""

    problem: Problem
    market: Market
    options: tuple[Option, ...]
    """In the answer's order."""
    now: Option | None
    """The counterfactual; None where its place and time have no figures."""
    compute: ComputeAnalysis | None = None
    """What was read in the request; None before it is read."""

    def option(self, who: Who) -> Option | None:
        if who == "now":
            return self.now
        place = PLACES.index(who)
        return self.options[place] if place < len(self.options) else None

    def pair(self, who: Who, than: Who) -> tuple[Option, Option] | None:
        """Two placements that can be compared: both there, and not the same."""
        one, other = self.option(who), self.option(than)
        return None if one is None or other is None or is_same(one, other) else (one, other)

    def name(self, who: Who) -> str:
        """By region; where another option lies in the same one, by site, and there by start."""
        option = self.option(who)
        if option is None:
            return "nothing"
        if who == "now":
            return "running now" if self.is_at_once else "starting as soon as allowed"
        region = region_name(option.asset.region)
        neighbours = [other.asset for other in self.options if other.asset.region == option.asset.region]
        if len(neighbours) == 1:
            return region
        is_alone_there = neighbours.count(option.asset) == 1
        return option.asset.name if is_alone_there else f"{region} from {clock(option.start, '%a %H:%M')}"

    @property
    def is_at_once(self) -> bool:
        """Whether the counterfactual starts within this half-hour."""
        return self.now is not None and self.now.start - self.problem.now < SLOT

    def runs_now(self, option: Option) -> bool:
        return self.now is not None and is_same(option, self.now)

    def row(self, option: Option) -> int | None:
        """Of the market's arrays."""
        region = option.asset.region
        return self.market.regions.index(region) if region in self.market.regions else None

    def minutes(self, option: Option) -> FloatArray:
        """(S,) minutes of the run in each of the market's half-hours."""
        edges = np.arange(self.market.slots + 1) * (SLOT / timedelta(minutes=1))
        used = np.zeros(self.market.slots)
        for segment in option.segments:
            start, end = (
                (instant - self.market.start) / timedelta(minutes=1) for instant in (segment.start, segment.end)
            )
            used += np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None)
        return used


def is_same(one: Option, other: Option) -> bool:
    """The same place at the same times."""
    return one.asset == other.asset and one.segments == other.segments
