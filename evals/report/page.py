"""The report as one HTML file that needs nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from string import Template
from typing import Any

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>gridwise eval: $verdict</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; color: #1b1f24; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d8dee4; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.failed { font-weight: 600; } .failed::before { content: "✗ "; } .stale::before { content: "⟳ "; }
.passed::before { content: "✓ "; }
.passed { color: #116329; } .failed { color: #a40e26; } .stale { color: #7d4e00; }
details summary { cursor: pointer; } pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.note { color: #57606a; }
</style>
</head>
<body>
<h1>gridwise eval</h1>
<p>Set <b>$set</b>, answered by $by. $tokens</p>
<h2>Suites</h2>$totals
<h2>Cost per workload</h2>$cost
<h2>Cases</h2>$cases
</body>
</html>
""")


def page(report: Mapping[str, Any]) -> str:
    """All text is escaped: much of it was written by models, or by requests that mean no good."""
    totals = report["totals"]
    bad = sum(total["failed"] + total["stale"] for total in totals)
    estimated = "Token counts are <b>estimated</b> (bytes / 4): no Gemini tokenizer was there."
    return _PAGE.substitute(
        verdict="all passed" if not bad else f"{bad} not passed",
        set=escape(str(report["set"])),
        by=escape(", ".join(report["answered_by"]) or "nobody"),
        tokens=estimated if report["tokens_are_estimated"] else "Token counts are Gemini's own.",
        totals=_table(totals, ("suite", "cases", "passed", "failed", "stale", "checks", "seconds")),
        cost=_cost(report["cost"]),
        cases="".join(_case(case) for case in report["cases"]),
    )


def _cost(cost: Mapping[str, Any]) -> str:
    if not cost:
        return "<p class=note>No placed decision was run.</p>"
    rows = [{"": name.replace("_", " "), **cost[name]} for name in ("calls", "input_tokens", "output_tokens")]
    growth = [
        {"input tokens of": name, "": count}
        for part in ("by_horizon", "by_regions")
        for name, count in cost[part].items()
    ]
    return _table(rows, ("", "median", "largest", "limit")) + _table(growth, ("input tokens of", ""))


def _case(case: Mapping[str, Any]) -> str:
    faults = [score for score in case["scores"] if not score["passed"]]
    shown = case["stale"] or case["error"] or case["summary"] or ""
    listed = "".join(f"<li><b>{escape(s['name'])}</b>: {escape(s['detail'])}</li>" for s in faults)
    figures = f"{case['calls']} calls, {case['input_tokens']} tokens in, {case['output_tokens']} out"
    return (
        f"<details{' open' if case['verdict'] != 'passed' else ''}>"
        f"<summary><span class={case['verdict']}>{case['suite']}: {escape(case['case'])}</span>"
        f" <span class=note>{escape(case['about'])}</span></summary>"
        f"<p class=note>{figures}</p><ul>{listed}</ul><pre>{escape(shown)}</pre></details>"
    )


def _table(rows: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> str:
    names = list(columns)
    head = "".join(f"<th{_align(rows, name)}>{escape(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td{_align(rows, name)}>{escape(str(row.get(name, '')))}</td>" for name in names) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _align(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    return " class=n" if any(isinstance(row.get(name), int | float) for row in rows) else ""
