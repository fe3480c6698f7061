"""Recorded model calls: readable JSON, matched on the whole request, each played once, labelled with who answered."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, JsonValue
from vcr import VCR
from vcr.cassette import Cassette
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request

from evals.cases.case import Case

Answerer: TypeAlias = Literal["gemini", "stand-in"]
CASSETTES = Path(__file__).parents[1] / "cassettes"
MAIN = "main"
GOOGLE = "https://generativelanguage.googleapis.com"
_KEPT_HEADERS = frozenset({"content-type", "retry-after"})
_MATCH_ON = ("method", "path", "whole body")
"""vcrpy leaves the body out by default: a changed prompt would silently replay an old answer."""
_SHOWN = 60


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
        return self.root / self.set_name / self.case.suite / f"{slug}.json"

    def recorded(self) -> Recorded | None:
        """Who answered; None where nothing is recorded."""
        if not self.path.exists():
            return None
        return Recorded.model_validate(json.loads(self.path.read_text(encoding="utf-8"))["recorded"])

    @contextmanager
    def play(self) -> Iterator[Cassette]:
        """Only what is recorded; `StaleCassetteError` for any other request. A case that asks nobody has no file."""
        try:
            with _vcr(_Serializer({})).use_cassette(str(self.path), record_mode="none") as cassette:
                yield cassette
        except CannotOverwriteExistingCassetteException as error:
            comparison = str(error).partition("\n\nHow to fix:")[0]
            msg = f"{comparison}\n\nIf the change is meant, record it: gridwise eval --record {self.case.name!r}"
            raise StaleCassetteError(msg) from None

    @contextmanager
    def record(self) -> Iterator[Cassette]:
        """Everything anew; what is in the file is dropped."""
        self.path.unlink(missing_ok=True)
        with _vcr(_Serializer({})).use_cassette(
            str(self.path), record_mode="all", record_on_exception=True
        ) as cassette:
            yield cassette

    def label(self, recorded: Recorded) -> None:
        """Write who answered, and what came of it, into the cassette just recorded."""
        content = json.loads(self.path.read_text(encoding="utf-8"))
        labelled = {"recorded": recorded.model_dump(mode="json"), **content}
        self.path.write_text(json.dumps(labelled, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class _Serializer:
    """Bodies as JSON values instead of strings in strings."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._header = header

    def serialize(self, cassette: dict[str, Any]) -> str:
        readable = [_map(item, _as_json) for item in cassette["interactions"]]
        content = {**self._header, "interactions": readable, "version": cassette["version"]}
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def deserialize(self, text: str) -> dict[str, Any]:
        content = json.loads(text)
        return {"interactions": [_map(item, _as_text) for item in content["interactions"]], "version": 1}


def _map(interaction: dict[str, Any], change: Any) -> dict[str, Any]:  # noqa: ANN401  one of the two functions below
    request, response = interaction["request"], interaction["response"]
    body = response["body"]
    return {
        "request": {**request, "body": change(request["body"])},
        "response": {**response, "body": {"string": change(body["string"])}},
    }


def _as_json(text: Any) -> JsonValue:  # noqa: ANN401  text or bytes, as vcrpy has it
    plain = text.decode() if isinstance(text, bytes) else text
    try:
        return {"json": json.loads(plain)}
    except (TypeError, ValueError):
        return {"text": plain}


def _as_text(value: dict[str, JsonValue]) -> JsonValue:
    return json.dumps(value["json"]) if "json" in value else value["text"]


def _vcr(serializer: _Serializer) -> VCR:
    vcr = VCR(
        serializer="readable",
        match_on=_MATCH_ON,
        before_record_request=_plain_request,
        before_record_response=_plain_response,
        decode_compressed_response=True,
    )
    vcr.register_serializer("readable", serializer)
    vcr.register_matcher("whole body", whole_body)
    return vcr


def _plain_request(request: Request) -> Request:
    """No key, no client version, and Google's address whoever answered."""
    request.headers = {name: value for name, value in request.headers.items() if name.lower() in _KEPT_HEADERS}
    scheme, host, *_ = urlsplit(GOOGLE)
    parts = urlsplit(request.uri)
    request.uri = urlunsplit((scheme, host, parts.path, "", ""))
    return request


def _plain_response(response: dict[str, Any]) -> dict[str, Any]:
    headers = {name: value for name, value in response["headers"].items() if name.lower() in _KEPT_HEADERS}
    return {**response, "headers": headers}


def whole_body(sent: Request, recorded: Request) -> None:
    """Equal as JSON; else the first difference, which vcrpy shows. Its own diff of every pair takes seconds."""
    difference = first_difference(_loaded(sent), _loaded(recorded))
    if difference:
        raise AssertionError(difference)


def _loaded(request: Request) -> JsonValue:
    body: JsonValue = json.loads(request.body or b"null")
    return body


def first_difference(sent: JsonValue, recorded: JsonValue, path: str = "") -> str:
    """Empty where both are equal."""
    if type(sent) is not type(recorded):
        return f"{path}: {_short(sent)} instead of {_short(recorded)}"
    if isinstance(sent, dict) and isinstance(recorded, dict):
        if sent.keys() != recorded.keys():
            return f"{path}: keys {sorted(sent)} instead of {sorted(recorded)}"
        found = (first_difference(sent[key], recorded[key], f"{path}.{key}".lstrip(".")) for key in sent)
        return next((text for text in found if text), "")
    if isinstance(sent, list) and isinstance(recorded, list):
        if len(sent) != len(recorded):
            return f"{path}: {len(sent)} items instead of {len(recorded)}"
        both = enumerate(zip(sent, recorded, strict=True))
        found = (first_difference(one, other, f"{path}[{place}]") for place, (one, other) in both)
        return next((text for text in found if text), "")
    if isinstance(sent, str) and isinstance(recorded, str) and sent != recorded:
        pairs = enumerate(zip(sent, recorded, strict=False))
        place = next((number for number, (one, other) in pairs if one != other), min(len(sent), len(recorded)))
        return f"{path}, character {place}: {_short(sent[place:])} instead of {_short(recorded[place:])}"
    return "" if sent == recorded else f"{path}: {_short(sent)} instead of {_short(recorded)}"


def _short(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
