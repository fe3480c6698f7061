"""CATS' own algorithm on CATS' own forecast, timed; runs in CATS' environment, prints one JSON line.

Arguments: forecast CSV (`time`, …, `intensity`), job minutes, repetitions.
"""

import csv
import json
import sys
import time
from datetime import datetime

from cats.forecast import PointEstimate, WindowedForecast


def main(path: str, minutes: int, repetitions: int) -> None:
    with open(path) as file:  # noqa: PTH123  CATS' Python may be any
        rows = list(csv.DictReader(file))
    data = [PointEstimate(value=float(row["intensity"]), datetime=datetime.fromisoformat(row["time"])) for row in rows]
    start = data[0].datetime
    seconds = []
    for _ in range(repetitions):
        began = time.perf_counter()
        best = min(WindowedForecast(data, minutes, start))
        seconds.append(time.perf_counter() - began)
    print(
        json.dumps({"slots": len(data), "median_ms": sorted(seconds)[repetitions // 2] * 1e3, "start": str(best.start)})
    )


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
