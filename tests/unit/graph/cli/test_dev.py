"""`gridwise dev` and `langgraph dev` serve the same."""

import json
from pathlib import Path

from graph.cli.dev import config


def test_the_checkouts_configuration_is_the_one_that_an_installed_package_writes():
    checkout = json.loads((Path(__file__).parents[4] / "langgraph.json").read_text())
    assert checkout == config("./graph/web/studio.py")
