"""The documentation names what exists: files, commands, options; the README fits its width."""

import re
import shlex
from pathlib import Path

import pytest

from graph.cli.commands import COMMANDS
from graph.cli.lazy import load

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("CONTRIBUTING.md")])
FOLDERS = ("agents", "docs", "evals", "graph", "persistence", "sql", "tests", "tools")
NAMED_FILE = re.compile(rf"(?<![\w/.])(?:{'|'.join(FOLDERS)})/[\w/.-]+\.(?:py|sql|md|csv|json|txt)\b")
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
IN_BLOCK = re.compile(r"^\s*(?:\$ )?gridwise ([a-z]+)\b(.*)$", re.MULTILINE)
IN_TEXT = re.compile(r"`gridwise ([a-z]+)\b([^`]*)`")
README_COLUMNS = 100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_exists(page):
    text = page.read_text(encoding="utf-8")
    assert [name for name in NAMED_FILE.findall(text) if not (ROOT / name).exists()] == []
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_printed_exists_with_its_options(page):
    text = page.read_text(encoding="utf-8")
    blocks = "\n".join(BLOCK.findall(text))
    found = [*IN_BLOCK.findall(blocks), *IN_TEXT.findall(BLOCK.sub("", text))]
    unknown = [name for name, _ in found if name not in COMMANDS]
    assert unknown == []
    for name, rest in found:
        options = {option for parameter in load(name).params for option in parameter.opts} | {"--help"}
        given = {word.partition("=")[0] for word in _words(rest) if word.startswith("--") and word != "--"}
        assert given <= options, f"gridwise {name}{rest}"


def _words(text):
    """Of the command itself: not what is piped to, or run by it."""
    text = re.split(r"[|>#]| -- | && ", text)[0].rstrip("\\ ")
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def test_the_readme_fits_a_hundred_columns():
    fenced, long = False, []
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        fenced ^= line.startswith("```")
        if len(line) > README_COLUMNS and not line.startswith("DATABASE_URL="):
            long.append(line)
    assert long == []
    assert not fenced
