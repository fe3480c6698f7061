"""`python -m tests.cases FILE…`: which cases of these files are right, and what is wrong with the others."""

import asyncio
import json
import sys
from pathlib import Path

from tests.cases.run import faults_of
from tests.cases.test_cases import DATA, KINDS


async def main(files: list[Path]) -> int:
    wrong = 0
    for file in files:
        for case in map(json.loads, file.read_text("utf-8").splitlines()):
            if case["kind"] not in KINDS:
                continue
            faults = await faults_of(case)
            wrong += bool(faults)
            print(f"{'wrong' if faults else 'right':6} {file.stem}/{case['id']}", *faults, sep="\n         ")
    print(f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main([Path(name) for name in sys.argv[1:]] or sorted(DATA.glob("*.jsonl")))))
