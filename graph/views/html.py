"""The frame of every page: style, headings, tables."""

from collections.abc import Sequence
from html import escape as escape_markup

from graph.views.text import clean

STYLE = """
:root{color-scheme:light dark;--ink:#1b1b1b;--paper:#fff;--soft:#f3f4f6;--line:#c9ccd1}
@media (prefers-color-scheme:dark){:root{--ink:#eee;--paper:#15171a;--soft:#22262b;--line:#4a4f57}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1040px;padding:1.2rem;font:16px/1.5 system-ui,sans-serif}
body{color:var(--ink);background:var(--paper)}
h1{overflow-wrap:anywhere;font-size:1.45rem;line-height:1.25;margin:.2rem 0 .6rem}
h2{font-size:1.1rem;margin:1.6rem 0 .5rem;border-bottom:1px solid var(--line);padding-bottom:.2rem}
p{margin:.5rem 0}
figure{margin:.6rem 0 0;background:#fff;color:#1b1b1b;border:1px solid var(--line);border-radius:6px;padding:.5rem}
figcaption{font-weight:600;font-size:.95rem}
svg{width:100%;height:auto;display:block}
svg text{font:12px system-ui,sans-serif;fill:#1b1b1b}
svg .word{font-weight:600}
svg .halo{paint-order:stroke;stroke:#fff;stroke-width:3px}
td.w{white-space:nowrap}
svg.bars{max-width:620px}
svg.narrow{display:none}
svg .grid{stroke:#e2e4e8}
svg .axis{stroke:#555}
svg .mark{stroke:#000;stroke-width:1.4;stroke-dasharray:3 2}
.legend{list-style:none;padding:0;margin:.3rem 0 0;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.88rem}
.legend svg{display:inline-block;width:34px;background:#fff;vertical-align:middle}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.best{background:var(--soft);font-weight:600}
dl{display:grid;grid-template-columns:minmax(9rem,max-content) 1fr;gap:.2rem 1rem;margin:.4rem 0}
dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
.note{font-size:.88rem;border-left:4px solid #E69F00;padding:.3rem .7rem;background:var(--soft)}
@media (max-width:860px){thead{position:absolute;left:-99rem}
table,tbody,tr,td{display:block}tr{border-bottom:2px solid var(--line);padding:.3rem 0}
td,td.n{display:flex;justify-content:space-between;gap:1rem;text-align:right;white-space:normal;border:0}
td,td.n{padding:.1rem .4rem}
td::before{content:attr(data-column);font-weight:600;text-align:left;white-space:nowrap}td:empty{display:none}}
@media (max-width:560px){body{padding:.8rem;font-size:15px}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}
svg.wide{display:none}svg.narrow{display:block}}
"""


def escape(text: str) -> str:
    """Whatever a user wrote, as text of a page: neither markup nor invisible characters."""
    return escape_markup(clean(text))


ROW, BEST_ROW = "<tr>", '<tr class="best">'


def page(title: str, body: str) -> str:
    """A complete document. `body` is HTML, everything of others' in it escaped already."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    unbroken: Sequence[int] = (),
    best: int = -1,
) -> str:
    """Plain cells; `numbers` are the columns that hold figures, `unbroken` stay on one line;
    `best` is the row that stands out. On a narrow screen each row becomes a block of named values."""

    def cell(tag: str, i: int, text: str) -> str:
        kinds = [(numbers, ' class="n"'), (unbroken, ' class="w"')]
        kind = next((name for columns_of, name in kinds if i in columns_of), "")
        column = f' data-column="{escape(columns[i])}"' if tag == "td" else ""
        return f"<{tag}{kind}{column}>{escape(text)}</{tag}>"

    head = "".join(cell("th", i, text) for i, text in enumerate(columns))
    lines = "".join(
        f"{BEST_ROW if n == best else ROW}{''.join(cell('td', i, text) for i, text in enumerate(row))}</tr>"
        for n, row in enumerate(rows)
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """A list of names and values."""
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs if v) + "</dl>"
