"""`gridwise doctor`: check every configured part and say what to fix."""

import asyncio

import typer

from graph.checks import Finding, examine
from graph.commands.options import AsJson
from graph.console import Output
from graph.settings import load_settings

_MARKS = {"ok": "ok  ", "warning": "WARN", "failed": "FAIL"}


def doctor(as_json: AsJson = False) -> None:
    """Check database, migrations, catalogue, model and sources. Exit code 1 if anything fails."""
    settings = load_settings()
    output = Output(as_json=as_json)
    findings = asyncio.run(examine(settings))
    output.records((finding.record() for finding in findings), lines=[_line(finding) for finding in findings])
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    fix = f"\n      fix: {finding.fix}" if finding.fix else ""
    return f"{_MARKS[finding.state]}  {finding.part}: {finding.found}{fix}"
