"""`python -m graph.cli`."""

from graph.cli.main import main

main()
