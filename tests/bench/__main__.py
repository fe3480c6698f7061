"""`make bench`: measures, prints Markdown, and writes it between the marks in docs/benchmarks.md."""

import argparse
import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench import checkpoints, frontend, latency, poller, queue_alone, rest
from tests.bench.measure import Bench, open_bench

DOCUMENT = Path("docs/benchmarks.md")


def sections(peers_python: Path) -> dict[str, tuple[str, Callable[[Bench], Awaitable[str]]]]:
    return {
        "queue": ("Queue alone", lambda bench: queue_alone.measure(bench, peers_python)),
        "inserts": ("What a frontend's insert costs", frontend.inserts),
        "status": ("Status on a full queue", frontend.status),
        "rest": ("Through Supabase's REST API", rest.measure),
        "checkpoints": ("Checkpoint writer", checkpoints.measure),
        "poller": ("The whole poller", poller.measure),
        "claims": ("Claim latency", latency.claims),
        "pickup": ("From insert to claim", latency.pickup),
        "takeover": ("From SIGKILL to resumption", latency.takeover),
        "cost": ("What one workload costs the database", latency.cost),
    }


async def _measure(peers_python: Path, only: list[str]) -> None:
    for name, (title, section) in sections(peers_python).items():
        if only and name not in only:
            continue
        print(f"{title} …", file=sys.stderr)
        async with open_bench() as bench:
            text = f"### {title}\n\n{await section(bench)}\n"
        print(text, flush=True)
        _write(name, text)


def _write(name: str, text: str) -> None:
    begin, end = f"<!-- bench {name} -->", f"<!-- end {name} -->"
    document = DOCUMENT.read_text()
    marked = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    assert marked.search(document), f"{DOCUMENT} has no place marked {begin}"
    DOCUMENT.write_text(marked.sub(lambda _: f"{begin}\n{text}{end}", document))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--peers", type=Path, required=True, help="Python of the environment with peers.txt installed")
    parser.add_argument("only", nargs="*", metavar="SECTION", help=", ".join(sections(Path())))
    given = parser.parse_args()
    asyncio.run(_measure(given.peers, given.only))


if __name__ == "__main__":
    main()
