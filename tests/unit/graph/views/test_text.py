"""What users wrote reaches a terminal, a log or a page without a control or direction character."""

import io
import json
import unicodedata
from contextlib import redirect_stderr, redirect_stdout

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.app.logs import configure_logs
from graph.cli.output import Output
from graph.views.html import escape
from graph.views.text import clean, escaped_json, one_line, shorten
from tests.thorough import tries

HOSTILE = "night\x1b[31m\x1b]0;title\x07 \u202egnp.exe\u2066 \u200b<b>\x9b2J\r\nSecond: forged=1"
KEPT = "\n\t"


def is_harmless(text):
    return all(c in KEPT or unicodedata.category(c) not in ("Cc", "Cs") for c in text) and not any(
        unicodedata.bidirectional(c) in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI") for c in text
    )


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_any_text_is_harmless_and_plain_text_is_unchanged(text):
    assert is_harmless(clean(text))
    assert clean(clean(text)) == clean(text)
    printable = "".join(c for c in text if c.isprintable() and unicodedata.category(c) not in ("Cf", "Cs", "Cn", "Co"))
    assert clean(printable) == printable


@settings(max_examples=tries(30, 200), deadline=None)
@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_keeps_its_value(value):
    shown = escaped_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(shown) == value
    assert is_harmless(shown)


def test_pages_terminals_and_logs_use_it():
    assert is_harmless(escape(HOSTILE))
    assert "<b>" not in escape(HOSTILE)
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        output = Output(as_json=False)
        output.print(HOSTILE)
        output.table("", ("name",), [(HOSTILE,)])
        output.say(HOSTILE)
        Output(as_json=True).records([{"workload_name": HOSTILE}])
    assert is_harmless(out.getvalue())
    assert is_harmless(err.getvalue())
    assert json.loads(out.getvalue().splitlines()[-1]) == {"workload_name": HOSTILE}


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_name_cannot_forge_a_log_line(log_format, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    configure_logs(log_format)
    try:
        structlog.get_logger().info(f"Processing {HOSTILE}", workload=HOSTILE)
        (line,) = stream.getvalue().splitlines()
        assert is_harmless(line)
    finally:
        structlog.reset_defaults()


def test_a_name_is_whole_or_ends_in_an_ellipsis():
    assert shorten("night", 5) == "night"
    assert shorten("nightly", 5) == "nigh…"
    assert one_line(None) == ""
    assert one_line(" a\n b\t") == "a b"
