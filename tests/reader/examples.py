"""Labelled requests as numbers, alone, in frames and beside others: what the network is shown."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from agents.request.network import LONGEST, WHOLE, Coded, Coder
from agents.request.roles import ROLES
from agents.request.tokens import Tag
from tests.reader.meaning import Taught, taught
from tests.unit.agents.request.labels import FOLDER, labelled

HELD_OUT = ("held_out_",)
"""Beginnings of the names of files that are never taught."""
IGNORED = -1
_NAMED = 3
"""Labels of energy and GPUs from which a file's author names them."""


@dataclass(frozen=True)
class Example:
    coded: Coded
    roles: list[int]
    wishes: list[int]
    whole: list[int]
    ends: bool

    @property
    def size(self) -> int:
        return sum(map(len, self.coded.pieces))


def examples(names: Sequence[str]) -> list[Taught]:
    found: list[Taught] = []
    for cases in (list(labelled(name)) for name in names):
        named = sum(item.startswith(("energy=", "gpus=")) for case in cases for item in case.required)
        found += [taught(case, names_facts=named >= _NAMED) for case in cases]
    return found


def framed(seed: int = 0, count: int = 3000) -> Iterator[Taught]:
    """Requests of one sentence, said in the frames of `frames.txt`: quoted, taken back, only wished."""
    chosen = random.Random(seed)
    lines = [line.split(" | ") for line in (Path(__file__).parent / "frames.txt").read_text("utf-8").splitlines()]
    frames = [(what, frame) for what, frame in (line for line in lines if len(line) > 1)]
    names = [
        path.name
        for path in sorted(FOLDER.glob("*.txt"))
        if "plain" in path.name and not path.name.startswith(HELD_OUT)
    ]
    cases = [case for name in names for case in labelled(name) if not set(case.text[:-1]) & set('.!?;\n"')]
    for case in chosen.sample(cases, min(count, len(cases))):
        what, frame = chosen.choice(frames)
        said = case.text if "{}." in frame or case.text[-1] in ".!?" or frame.endswith("{}") else f"{case.text}."
        text = frame.format(said.rstrip(".") if "{} -" in frame or "{}?" in frame else said)
        none = frozenset[str]()
        wishes = frozenset(f"~{item.lstrip('~')}" if "=" in item else item for item in case.required)
        required = {"none": none, "wish": wishes, "same": case.required}[what]
        accepted = none if what == "none" else case.accepted
        told = taught(replace(case, text=text, required=required, accepted=accepted))
        yield replace(told, whole=(*told.whole[:-1], None))


def example(coder: Coder, it: Taught) -> Example:
    return Example(
        coder.coded(it.tags),
        [IGNORED if role is None else ROLES.index(role) for role in it.roles],
        [IGNORED if wish is None else int(wish) for wish in it.wishes],
        [IGNORED if known is None else int(known) for known in it.whole],
        it.tags[-1].word in {".", "!", "?"},
    )


def full_stop(coder: Coder) -> Example:
    dot = coder.coded([Tag("P", 0, 0, ".", glued=True)])
    return Example(dot, [IGNORED], [IGNORED], [0] * len(WHOLE), ends=True)


def joined(parts: Sequence[Example], dot: Example) -> Example:
    """Texts one after the other: a request of several sentences."""
    texts: list[Example] = []
    for part in parts:
        texts += [dot, part] if texts and not texts[-1].ends else [part]
    whole = [_either([text.whole[at] for text in texts]) for at in range(len(WHOLE))]
    for one, other in (("carbon", "cost"), ("carbon", "cost_only"), ("pausing", "in_one_go")):
        pair = [WHOLE.index(one), WHOLE.index(other)]
        if all(whole[at] == 1 for at in pair):
            whole[pair[0]] = whole[pair[1]] = IGNORED
    coded = Coded(*([*chain(*columns)] for columns in zip(*(text.coded for text in texts), strict=True)))
    roles, wishes = ([*chain(*(getattr(text, name) for text in texts))] for name in ("roles", "wishes"))
    return Example(coded, roles, wishes, whole, ends=texts[-1].ends)


def _either(values: Sequence[int]) -> int:
    return 1 if 1 in values else IGNORED if IGNORED in values else 0


def with_others(text: Example, texts: Sequence[Example], dot: Example) -> Example:
    """Nearly half of the texts stand among others."""
    chance = random.random()
    if chance < 0.55:
        return text
    others = random.sample(texts, 1 if chance < 0.85 else 2)
    several = joined([text, *others] if chance < 0.93 else [others[0], text], dot)
    return several if several.size <= LONGEST else text
