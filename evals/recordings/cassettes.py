"""Recorded model calls: readable lines, matched on what a request means, played once, labelled with who answered."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, JsonValue
from vcr import VCR
from vcr.cassette import Cassette
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request

from evals.cases.case import Case
from evals.recordings.lines import HOST, Lines, line
from evals.recordings.meaning import first_difference, meaning

Answerer: TypeAlias = Literal["gemini", "stand-in"]
CASSETTES = Path(__file__).parents[1] / "cassettes"
MAIN = "main"
_KEPT_HEADERS = frozenset({"content-type", "retry-after"})


class Recorded(BaseModel):
    """Who answered when a cassette was recorded, and what came of the case then."""

    model_config = ConfigDict(frozen=True)

    by: Answerer
    on: str
    """Date, ISO 8601."""
    models: tuple[str, ...]
    tokens_are_estimated: bool
    """The stand-in has no Gemini tokenizer: bytes / 4."""
    result: dict[str, JsonValue] = {}
    """For comparing two sets without running the code that made them."""


class StaleCassetteError(Exception):
    """The requests are no longer those that were recorded; the text is vcrpy's comparison."""


@dataclass(frozen=True)
class CassetteFile:
    """The cassette of one case in one set."""

    case: Case
    set_name: str = MAIN
    root: Path = CASSETTES

    @property
    def path(self) -> Path:
        slug = "".join(char if char.isalnum() else "-" for char in self.case.name.lower())
        return self.root / self.set_name / self.case.suite / f"{slug}.jsonl"

    def recorded(self) -> Recorded | None:
        """Who answered; None where nothing is recorded."""
        if not self.path.exists():
            return None
        with self.path.open(encoding="utf-8") as lines:
            return Recorded.model_validate(json.loads(next(lines))["recorded"])

    @contextmanager
    def play(self) -> Iterator[Cassette]:
        """Only what is recorded; `StaleCassetteError` for any other request. A case that asks nobody has no file."""
        try:
            with _vcr(self.root / self.set_name).use_cassette(str(self.path), record_mode="none") as cassette:
                yield cassette
        except CannotOverwriteExistingCassetteException as error:
            comparison = str(error).partition("\n\nHow to fix:")[0]
            msg = f"{comparison}\n\nIf the change is meant, record it: gridwise eval --record {self.case.name!r}"
            raise StaleCassetteError(msg) from None

    @contextmanager
    def record(self) -> Iterator[Cassette]:
        """Everything again; what is in the file is dropped."""
        self.path.unlink(missing_ok=True)
        with _vcr(self.root / self.set_name).use_cassette(
            str(self.path), record_mode="all", record_on_exception=True
        ) as cassette:
            yield cassette

    def label(self, recorded: Recorded) -> None:
        """Write who answered, and what came of it, into the cassette just recorded."""
        _, *interactions = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        header = line({"recorded": recorded.model_dump(mode="json")})
        self.path.write_text("".join([header, *interactions]), encoding="utf-8")


def _vcr(folder: Path) -> VCR:
    vcr = VCR(
        serializer="lines",
        match_on=("model", "meaning"),
        before_record_request=_plain_request,
        before_record_response=_plain_response,
        decode_compressed_response=True,
    )
    vcr.register_serializer("lines", Lines(folder))
    vcr.register_matcher("model", same_model)
    vcr.register_matcher("meaning", same_meaning)
    return vcr


def _plain_request(request: Request) -> Request:
    """No key, no client version, and Google's address whoever answered."""
    request.headers = {}
    request.uri = HOST + urlsplit(request.uri).path
    return request


def _plain_response(response: dict[str, Any]) -> dict[str, Any]:
    headers = {name: value for name, value in response["headers"].items() if name.lower() in _KEPT_HEADERS}
    return {**response, "headers": headers}


def same_model(sent: Request, recorded: Request) -> None:
    """What makes a recording similar enough for vcrpy to show the difference."""
    asks, asked = (_meaning(urlsplit(one.uri).path, one.body)["model"] for one in (sent, recorded))
    if asks != asked:
        raise AssertionError(f"{asks} instead of {asked}")  # noqa: TRY003, EM102  vcrpy's protocol


def same_meaning(sent: Request, recorded: Request) -> None:
    """Equal in what they ask; else the first difference, which vcrpy shows. vcrpy leaves the body out by default: a
    changed prompt would silently replay an old answer."""
    asks, asked = (_meaning(urlsplit(one.uri).path, one.body) for one in (sent, recorded))
    difference = first_difference(asks, asked)
    if difference:
        raise AssertionError(difference)


@lru_cache(maxsize=64)
def _meaning(path: str, body: bytes) -> dict[str, JsonValue]:
    return meaning(path, json.loads(body or b"{}"))
