"""`python tests/link_requirements.py WHEEL EXTRA SITE_PACKAGES`: what the wheel asks for, and nothing else, linked from
the environment that runs this into another one of the same Python: the same files, without a download."""

import os
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path
from zipfile import Path as ZipPath

from packaging.requirements import Requirement


def required(wheel: Path, extra: str) -> dict[str, Distribution]:
    """By name, with all that those ask for in turn. Raises `PackageNotFoundError` where one is not installed here."""
    (metadata,) = [one for one in ZipPath(wheel).iterdir() if one.name.endswith(".dist-info")]
    found: dict[str, Distribution] = {}
    wanted = list(_asked_for(PathDistribution(metadata), {extra}))
    seen = set()
    while wanted:
        one = wanted.pop()
        if str(one) not in seen:
            seen.add(str(one))
            found[one.name] = distribution(one.name)
            wanted += _asked_for(found[one.name], one.extras)
    return found


def _asked_for(by: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for one in map(Requirement, by.requires or ()):
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield one


def link(distributions: dict[str, Distribution], folder: Path) -> None:
    for one in distributions.values():
        for file in one.files or ():
            if ".." not in file.parts:  # a script
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(Path(str(file.locate())), target)


def _link(source: Path, target: Path) -> None:
    if target.exists() or not source.exists():  # a folder's file that several bring; bytecode that was not kept
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


if __name__ == "__main__":
    link(required(Path(sys.argv[1]), sys.argv[2]), Path(sys.argv[3]))
