"""What each value of a text is, by a language model over its tags; `python -m tests.reader.train` trains it.

It is MiniLM (six layers of attention), taught the roles of values. It sees words, but tags in place of values: "not in
Leeds" and "not in Kent" are one text to it. Its weights are `data/network.npz`, matrices as bytes with a scale a row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agents.request.lexicon import pieces
from agents.request.roles import NONE, ROLES, can_be
from agents.request.tokens import Tag

Array: TypeAlias = NDArray[np.float32]

WISHES = ("carbon", "cost", "soon", "renewables", "cost_only", "pausing", "in_one_go")
"""What a text asks for without a value."""
TELL = "tell"
"""Something is asked for that no constraint can say."""
WHOLE = (*WISHES, TELL)
OPENS, CLOSES, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
"""Pieces that stand before and after a text, and for what has no pieces."""
UNSEEN = 1
"""The type that training never saw; 0 is none."""
_NAMELESS = frozenset({"PLACE", "SITE", "NUM", "HHMM", "ISO"})
"""Tags whose words are values themselves."""
_LINE_END = "|"
_MOST_PIECES = 4
"""Of a word, so that no word takes long."""
LONGEST = 480
"""Pieces that are judged together; the model knows the places of 512."""
_HEADS = 12
_EPSILON = 1e-12


@dataclass(frozen=True)
class Judgement:
    """What the network makes of the tags of a text."""

    roles: tuple[Mapping[str, float], ...]
    """By tag, the probability of each role that it can have, `NONE` among them; empty for what is no value."""
    wish: Array
    """By tag, how likely its limit is a wish."""
    whole: Mapping[str, tuple[float, int]]
    """Of each of `WHOLE` the probability, and the tag that speaks most for it."""


def word_of(tag: Tag) -> str:
    return "" if tag.type in _NAMELESS else tag.word


def flags(tag: Tag) -> list[bool]:
    """What of a value's form tells what it is."""
    said = tag.value
    form = [False] * 6
    if tag.type == "INSTANT":
        form = [said.is_whole_day, bool(said.part), said.vague, bool(said.day), said.ends, bool(said.instant)]
    elif tag.type.startswith("RANGE"):
        form = [bool(said[0].day), said[0].vague, bool(said[0].days), bool(said[0].clock), False, False]
    elif tag.type == "MONEY":
        form[5] = said < 1
    elif tag.type == "W":
        form[0] = tag.is_capital
    return [*form, tag.glued]


class Coded(NamedTuple):
    """Tags as the network takes them. A tag is one piece or several; a value is the one of its type."""

    pieces: list[list[int]]
    """By tag; numbers from the number of pieces on are types."""
    types: list[int]
    flags: list[list[bool]]
    able: list[list[bool]]
    """Of each of `ROLES`, whether the tag can have it."""


class Coder:
    """Tags as numbers, for the reader and for training alike."""

    def __init__(self, types: Iterable[str], known: Iterable[str]) -> None:
        self.pieces = {piece: at for at, piece in enumerate(known)}
        self.types = {name: at for at, name in enumerate(types, UNSEEN + 1)}
        self._of_word = cache(self._split)

    def coded(self, tags: Sequence[Tag]) -> Coded:
        types = [self.types.get(tag.type, UNSEEN) for tag in tags]
        words = [self.pieces_of(_LINE_END if tag.word == "\n" else word_of(tag)) for tag in tags]
        return Coded(
            [found or [len(self.pieces) + kind] for found, kind in zip(words, types, strict=True)],
            types,
            [flags(tag) for tag in tags],
            [[role == NONE or role in able for role in ROLES] for able in map(can_be, tags)],
        )

    def pieces_of(self, words: str) -> list[int]:
        return [piece for word in words.split() for piece in self._of_word(word)]

    def _split(self, word: str) -> list[int]:
        """The longest piece that the word begins with, then the longest that goes on."""
        found: list[int] = []
        at = 0
        while at < len(word) and len(found) < _MOST_PIECES:
            ends = (end for end in range(len(word), at, -1) if ("##" * (at > 0)) + word[at:end] in self.pieces)
            end = next(ends, None)
            if end is None:
                return [self.pieces[UNKNOWN]]
            found.append(self.pieces[("##" * (at > 0)) + word[at:end]])
            at = end
        return found


class Network:
    """The weights, and what they make of tags."""

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        if tuple(map(str, arrays["roles"])) != ROLES:
            message = f"The network was taught other roles than {', '.join(ROLES)}: run `make reader`"
            raise ValueError(message)
        self.coder = Coder(map(str, arrays["types"]), pieces())
        self._words, self._scale = arrays["words"], arrays["words.scale"].astype(np.float32)
        self._weights = {
            name: _widened(value, arrays.get(f"{name}.scale"))
            for name, value in arrays.items()
            if name not in {"types", "roles", "words"} and not name.endswith(".scale")
        }
        self._layers = len({name.partition(".")[0] for name in self._weights if name[0].isdigit()})

    def judge(self, tags: Sequence[Tag]) -> Judgement:
        """Of any text, `LONGEST` pieces at a time."""
        if not tags:
            return Judgement((), np.zeros(0, np.float32), dict.fromkeys(WHOLE, (0.0, 0)))
        coded = self.coder.coded(tags)
        logits = np.concatenate([self.logits(part) for part in _parts(coded)])
        size = len(ROLES)
        roles = _softmax(np.where(np.array(coded.able), logits[:, :size], -1e4))
        likely = _sigmoid(logits[:, size:])
        best = likely[:, 1:].argmax(axis=0)
        likelihoods = (
            {role: float(p) for role, p, can in zip(ROLES, row, its, strict=True) if can}
            for row, its in zip(roles, coded.able, strict=True)
        )
        return Judgement(
            tuple(found if len(found) > 1 else {} for found in likelihoods),
            np.asarray(likely[:, 0]),
            {name: (float(likely[best[at], at + 1]), int(best[at])) for at, name in enumerate(WHOLE)},
        )

    def logits(self, coded: Coded) -> Array:
        """Rows of tags; columns are `ROLES`, the wish, and `WHOLE`."""
        w = self._weights
        sizes = [len(pieces) for pieces in coded.pieces]
        of = np.repeat(np.arange(len(sizes)), sizes)
        at = [self.coder.pieces[OPENS], *(p for its in coded.pieces for p in its), self.coder.pieces[CLOSES]]
        x = self._words[at].astype(np.float32) * self._scale[at] + w["places"][: len(at)]
        x[1:-1] += w["kinds"][coded.types][of] + np.array(coded.flags, np.float32)[of] @ w["flags"].T
        x[[0, -1]] += w["kinds"][0]
        x = self._normal("enter", x)
        for layer in map(str, range(self._layers)):
            x = self._normal(f"{layer}.first", x + self._attend(layer, x))
            up = x @ w[f"{layer}.up"].T + w[f"{layer}.up.bias"]
            x = self._normal(f"{layer}.last", x + _gelu(up) @ w[f"{layer}.down"].T + w[f"{layer}.down.bias"])
        first = np.cumsum([1, *sizes[:-1]])
        return np.asarray(x[first] @ w["heads"].T + w["heads.bias"])

    def _normal(self, name: str, x: Array) -> Array:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + _EPSILON)
        return np.asarray(scaled * self._weights[f"{name}.norm"] + self._weights[f"{name}.norm.bias"])

    def _attend(self, layer: str, x: Array) -> Array:
        w = self._weights
        joint = x @ w[f"{layer}.qkv"].T + w[f"{layer}.qkv.bias"]
        query, key, value = joint.reshape(len(x), 3, _HEADS, -1).transpose(1, 2, 0, 3)
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        mixed = (_softmax(scores) @ value).transpose(1, 0, 2).reshape(len(x), -1)
        return np.asarray(mixed @ w[f"{layer}.o"].T + w[f"{layer}.o.bias"])


def _parts(coded: Coded) -> Iterator[Coded]:
    """As many tags at a time as `LONGEST` pieces allow."""
    first, size = 0, 0
    for at, its in enumerate(coded.pieces):
        size += len(its)
        if size > LONGEST:
            yield _slice(coded, first, at)
            first, size = at, len(its)
    yield _slice(coded, first, len(coded.pieces))


def _slice(coded: Coded, first: int, last: int) -> Coded:
    pieces, types, flags, able = coded
    return Coded(pieces[first:last], types[first:last], flags[first:last], able[first:last])


@cache
def network() -> Network:
    """The package's own."""
    with files("agents.request").joinpath("data", "network.npz").open("rb") as file:
        return Network(dict(np.load(file, allow_pickle=False)))


def _widened(value: NDArray[np.generic], scale: NDArray[np.generic] | None) -> Array:
    wide = value.astype(np.float32)
    return wide if scale is None else np.asarray(wide * scale.astype(np.float32))


def _gelu(x: Array) -> Array:
    return np.asarray(0.5 * x * (1 + np.tanh(x * (0.7978845608 + 0.0356774081 * x * x))))


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))


def _softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
