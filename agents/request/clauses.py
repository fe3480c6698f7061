"""Where a sentence is cut: the scope of a negation, a wish or a bound ends with its clause."""

from collections.abc import Sequence
from dataclasses import dataclass

from agents.request.lexicon import JOINING, group
from agents.request.tokens import Tag, words
from agents.request.values import LIMITS

LONGEST = 60
"""Tags in a clause; no person writes a longer one, and it keeps the cost of any text linear."""
_OPENERS = group("OPENERS")
"""Tags with which a new clause can begin after a comma or a conjunction."""
_TELLING = LIMITS | {"PAUSE", "ONEGO", "SOON", "GREENEST", "CHEAPEST"}
_QUESTIONS = words("is are was were do does did has have had")
_BOUNDS = frozenset({"BY", "BEFORE", "AFTER", "UNTIL", "AT"})
_LIGHT = frozenset({"GLUE", "IN", "AT", "OTHER", "P"})
_ABBREVIATED = group("ABBREVIATED")
_DEMANDING = LIMITS | _OPENERS - {"RUN", "OTHER", "MINIMISE"} | {"POSTOK", "POSTOUT", "PAUSABLE", "RENEW", "ASK"}
"""What no title has."""
_SIGNS = frozenset({",", ".", ";", "!", "?", ":", "\n", "-", "("})
_WISHES = frozenset({"SOON", "GREENEST", "CHEAPEST"})
_FAMILY = (
    dict.fromkeys(("PLACE", "SITE"), "place")
    | dict.fromkeys(("INSTANT", "RANGE", "DAYS"), "time")
    | dict.fromkeys(("GPUS", "ENERGY", "SPAN"), "job")
    | dict.fromkeys(("MONEY", "RATE", "MASS", "GKWH", "PCT"), "amount")
)
_PRONOUNS = frozenset({"it", "this", "the", "that"})


@dataclass
class Clause:
    """A part of a sentence with one scope."""

    tags: list[Tag]
    joined_by: str
    """A sentence's start (""), a comma, a conjunction, "if", "when", or "proviso"."""
    sentence: int


def clauses(tags: list[Tag]) -> list[Clause]:
    """The tags in order, cut at sentences, conjunctions, conditions and bullet points."""
    cut = _Cut()
    for i, tag in enumerate(tags):
        cut.take(tags, i, tag)
    cut.flush("")
    return cut.found


class _Cut:
    def __init__(self) -> None:
        self.found: list[Clause] = []
        self._open: list[Tag] = []
        self._joined_by = ""
        self._sentence = 0

    def flush(self, joined_by: str) -> None:
        """End the clause; `joined_by` is how the next one begins."""
        if self._open:
            self.found.append(Clause(self._open, self._joined_by, self._sentence))
            self._open, self._joined_by = [], joined_by
        elif joined_by:
            self._joined_by = self._joined_by or "," if joined_by == "," else joined_by

    def take(self, tags: Sequence[Tag], i: int, tag: Tag) -> None:
        if self._is_no_end(tags, i, tag):
            return
        if self._ends_sentence(tag):
            self._end_sentence(tag)
            return
        self._settle(tags, i, tag)
        if tag.type == "WHEN" and self._is_time_clause(tags, i):
            self.flush("when")
        elif tag.type in {"COND", "PROVISO"}:
            self.flush("if" if tag.type == "COND" else "proviso")
        elif tag.type in {"HEDGE", "FALLBACK"} and self._open and self._open[-1].word == ",":
            self.flush(",")
        if tag.type == "HEDGE":
            self._cut_list()
        if self._joins(tags, i, tag):
            self.flush(tag.word)
            return
        self._open.append(tag)
        if len(self._open) > LONGEST:
            self.flush("")

    def _cut_list(self) -> None:
        """ "Max £6, Leeds if possible": what is wished for is the last of the list."""
        commas = [at for at, tag in enumerate(self._open) if tag.word == ","]
        if not commas:
            return
        before, after = self._open[: commas[-1]], self._open[commas[-1] + 1 :]
        if all(any(tag.type in LIMITS for tag in part) for part in (before, after)):
            self._open = before
            self.flush(",")
            self._open = after

    def _is_no_end(self, tags: Sequence[Tag], i: int, tag: Tag) -> bool:
        """The dot of "max. £5" and "i.e."; the question of "Wales? Never."."""
        if tag.type != "P" or i + 1 >= len(tags):
            return False
        after, last = tags[i + 1], self._open[-1] if self._open else None
        if tag.word == ".":
            inside = after.glued and after.type == "W"
            return inside or (
                last is not None and (last.word in _ABBREVIATED or (tag.glued and last.word in {"e", "g"}))
            )
        named = tag.word == "?" and bool(self._open) and all(known.type in LIMITS | _LIGHT for known in self._open)
        alone = i + 2 >= len(tags) or tags[i + 2].type == "P"
        return named and alone and after.type in {"NEG", "POSTOUT"}

    def _ends_sentence(self, tag: Tag) -> bool:
        if tag.type == "BULLET" or (tag.type == "P" and tag.word in ".!?;\n•*"):
            return True
        is_dash = tag.type == "P" and tag.word == "-" and not tag.glued
        if is_dash and (tag.value is not None or not self._open or any(known.type in _TELLING for known in self._open)):
            return True
        return (is_dash or tag.word == ":") and self._is_title()

    def _is_title(self) -> bool:
        """ "Downscaling ensemble: …"."""
        types = {known.type for known in self._open}
        return bool(types & {"W", "OTHER"}) and not types & _DEMANDING

    def _end_sentence(self, tag: Tag) -> None:
        if tag.word == "?" and self._open:
            self._mark_question()
        self.flush("")
        self._joined_by = ""
        self._sentence += tag.word != "-"

    def _mark_question(self) -> None:
        first = self._open[0]
        if self._joined_by not in {"and", "or"} and (
            first.type == "WH" or first.word in _QUESTIONS or all(tag.type in LIMITS | _LIGHT for tag in self._open)
        ):
            self._open.insert(0, Tag("PAST", first.start, first.start, "?"))
            self.found = [clause for clause in self.found if clause.sentence != self._sentence]
        elif (first.type == "MUST" and first.word in {"must", "should", "does"}) or self._asks_whether():
            self._open.insert(0, Tag("COND", first.start, first.start, "?"))
        else:
            for tag in self._open:
                tag.type = "GLUE" if tag.type == "CAN" else tag.type  # what is asked for is no allowance

    def _asks_whether(self) -> bool:
        """ "Can it run in Wales?"; "can you run it in Wales?", "could it be done by six?" are requests."""
        subject = self._open[1].word if len(self._open) > 1 else ""
        asked = any(
            tag.word in {"be", "please"} or tag.type in {"FINISH", "INSTANT", "RANGE", "DAYS"} for tag in self._open
        )
        return self._open[0].type == "CAN" and subject in _PRONOUNS and not asked

    def _settle(self, tags: Sequence[Tag], i: int, tag: Tag) -> None:
        """ "If:" in a list, "should it …", "best if"."""
        after = tags[i + 1].word if i + 1 < len(tags) else ""
        if tag.type in {"COND", "PROVISO", "WHEN"} and after == ":":
            tag.type = "GLUE"
        if tag.word == "should" and not self._open and after in _PRONOUNS:
            tag.type = "COND"
        if tag.type == "HEDGE" and tag.word.endswith(" can") and after == "not":
            tag.type = "COND"
        hoped = self._open and self._open[-1].type in {"HEDGE", "GLUE", "NEG"} and self._has("HEDGE")
        if tag.type == "COND" and hoped and not any(known.type in LIMITS for known in self._open):
            tag.type = "HEDGE"

    def _is_time_clause(self, tags: Sequence[Tag], i: int) -> bool:
        ahead = tags[i + 1 : i + 8]
        bears = any(tag.type in LIMITS for tag in ahead) or any(tag.type == "RENEW" for tag in ahead[:4])
        return bears and not self._has("ONLY", "NEG")

    def _joins(self, tags: Sequence[Tag], i: int, tag: Tag) -> bool:
        last = self._open[-1] if self._open else None
        ahead = tags[i + 1 : i + 2]
        if last is not None and last.word == "," and tag.word in {"as", "since"}:
            return not any(known.type in LIMITS for known in ahead)
        if tag.word == "as" and self._has(*LIMITS) and any(known.word in _PRONOUNS for known in ahead):
            return True
        if tag.word == ":":
            return self._has(*LIMITS) and any(known.type in {"NEG", "MUST", "OUT", "ONLY"} for known in ahead)
        if tag.word not in JOINING and tag.type != "NOR":
            return False
        if tag.type == "THEN" and last is not None and last.type in _BOUNDS:
            return False
        if last is not None and last.type in {"POSTOK", "POSTOUT"}:
            return True
        ends = last is not None and (last.type == "NEG" or (last.type == "HEDGE" and self._has(*LIMITS)))
        if tag.word == "," and ends and len(self._open) > 1:
            return True
        if tag.word == "," and self._changes_subject(tags, i):
            return True
        following = next((known for known in tags[i + 1 : i + 8] if _counts(known)), None)
        if tag.word == "," and self._open and self._open[0].type == "COND" and following is not None:
            return following.type not in LIMITS
        return following is not None and (
            following.type in _OPENERS or tag.word in {"but", "because", "though", "although"}
        )

    def _changes_subject(self, tags: Sequence[Tag], i: int) -> bool:
        """ "Bristol, 3 GPUs", "anywhere but Wales, the latency was awful", "asap, the demo is this evening"."""
        end = next((at for at in range(i + 1, min(i + 12, len(tags))) if tags[at].word in _SIGNS), len(tags))
        ahead = tags[i + 1 : min(end, i + 12)]
        types, said = {tag.type for tag in ahead}, {tag.type for tag in self._open}
        if "PAST" in types:
            return bool(said & LIMITS) and not types & LIMITS
        if said & _WISHES and said <= _WISHES | {"GLUE", "P"}:
            return bool(types & LIMITS)
        last = next((_FAMILY.get(tag.type) for tag in reversed(self._open) if tag.type in LIMITS), None)
        first = next((_FAMILY.get(tag.type) for tag in ahead if tag.type in LIMITS), None)
        is_open = bool(said & {"NEG", "NOR", "OUT", "COND", "VERSUS"}) and first != "job"
        unknown = any(tag.type in {"W", "PAST"} and tag.word.isalpha() for tag in ahead)
        return None not in {last, first} and first != last and not is_open and not unknown

    def _has(self, *types: str) -> bool:
        return any(tag.type in types for tag in self._open)


def _counts(tag: Tag) -> bool:
    if tag.type == "P" and tag.word in ".!?;":
        return True
    return tag.type != "GLUE" and tag.word not in JOINING and tag.word not in {"in", "at", "on"}
