"""Which words belong to a value."""

import pytest

from agents.request.reader import values_of
from agents.request.roles import can_be
from agents.request.sentences import part, quote, sentence, sentences
from agents.request.tokens import tokens
from tests.unit.agents.request.labels import NOW


@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ("Finish by 6pm and not in London.", ["Finish by 6pm", "not in London"]),
        ("If you can, avoid London, please.", ["If you can, avoid London"]),
        ("London is off limits. At most £5.", ["London is off limits", "At most £5"]),
        ("Max. £5, only in Wales", ["Max. £5", "only in Wales"]),
        ("- not before 8pm\n- at most 2 kg", ["not before 8pm", "at most 2 kg"]),
    ],
)
def test_a_value_is_quoted_with_what_bears_on_it(text: str, quotes: list[str]) -> None:
    tags = values_of(tokens(text), NOW)
    spans = [quote(text, tags, part(tags, i)) for i, tag in enumerate(tags) if can_be(tag)]
    assert [text[start:end] for start, end in spans] == quotes


def test_sentences_cover_the_text_once() -> None:
    tags = values_of(tokens("Hello. Finish by 6pm! Only in Wales; max. £5.\nThanks"), NOW)
    found = list(sentences(tags))
    assert len(found) == 5
    for first, last in found:
        assert {sentence(tags, i) for i in range(first, last)} == {(first, last)}
