"""Headless Chromium for looking at a page as a person's browser lays it out; tests skip where there is none."""

import json
import re
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LEAST_WINDOW = 500
"""Chromium makes no window narrower; a narrower viewport is a frame in it."""
MEASURE = """
<script>
const texts=[...document.querySelectorAll('figure svg text')].filter(t=>t.getClientRects().length);
const inside=t=>{const a=t.getBoundingClientRect(),b=t.ownerSVGElement.getBoundingClientRect();
return a.left>=b.left-1&&a.right<=b.right+1&&a.top>=b.top-1&&a.bottom<=b.bottom+1};
const isWord=t=>t.classList.contains('word');
const hits=texts.flatMap((t,i,all)=>all.slice(i+1).filter(u=>{
if(u.ownerSVGElement!==t.ownerSVGElement||isWord(u)!==isWord(t))return false;
const a=t.getBoundingClientRect(),b=u.getBoundingClientRect();
return a.left<b.right-1&&b.left<a.right-1&&a.top<b.bottom-2&&b.top<a.bottom-2})
.map(u=>t.textContent+' / '+u.textContent));
(window.top===window?document:parent.document).title='MEASURED'+JSON.stringify({overflow:document.documentElement.scrollWidth-window.innerWidth,
width:window.innerWidth,texts:texts.length,outside:texts.filter(t=>!inside(t)).map(t=>t.textContent),overlapping:hits,
paths:[...document.querySelectorAll("figure svg path")]
.filter(p=>p.getClientRects().length&&p.getBBox().width>0).length,
small:texts.filter(t=>t.getBoundingClientRect().height<9).length});
</script></body>"""


def chromium() -> str:
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no Chromium here (looked for {', '.join(NAMES)})")


def measure(page: str, width: int, folder: Path) -> dict:
    """The page's layout at a viewport width: overflow, texts outside their chart or over each other."""
    file = folder / "page.html"
    measured = page.replace("</body>", MEASURE)
    if width < LEAST_WINDOW:
        measured = f'<!doctype html><iframe style="width:{width}px;height:1200px;border:0" srcdoc="{escape(measured)}">'
    file.write_text(measured, encoding="utf-8")
    window = f"--window-size={max(width, LEAST_WINDOW)},1200"
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", window, "--dump-dom"]
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run([chromium(), *arguments, profile, file.as_uri()], capture_output=True, text=True, timeout=90)
    found = re.search(r"<title>MEASURED(.*?)</title>", done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return json.loads(found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def assert_self_contained(page: str) -> None:
    """Nothing is loaded from anywhere: no script, no link, no address."""
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\((?!#)|(?:src|href)=", page)
    assert page.startswith("<!doctype html>")
