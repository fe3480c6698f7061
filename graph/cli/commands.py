"""Which commands there are: where each is, what it is for, how it is called. Nothing here imports one."""

from typing import Final, NamedTuple


class Command(NamedTuple):
    """One line of `gridwise --help`."""

    target: str
    """module:function; imported when the command is used."""
    help: str
    examples: tuple[str, ...]
    """Shown below the options in the command's own help."""
    extra: str = ""
    """The optional dependencies that it needs, as in `pip install 'gridwise[dev]'`."""


PLACE: Final = "Place workloads"
QUEUE: Final = "Look after the queue"
SET_UP: Final = "Set up and study"

SECTIONS: Final[dict[str, dict[str, Command]]] = {
    PLACE: {
        "demo": Command(
            "graph.cli.demo:demo",
            "Place twelve sample workloads on one recorded day.",
            ("gridwise demo", "gridwise demo --json | jq .decision_summary"),
        ),
        "plan": Command(
            "graph.cli.plan:plan",
            "Answer at once, without a queue.",
            (
                'gridwise plan --hours 4 --gpus 2 --by "tomorrow 09:00"',
                "gridwise plan --hours 1 --region London --chart",
                "gridwise plan --hours 8 --format sbatch > job.sh",
            ),
        ),
        "wait": Command(
            "graph.cli.wait:wait",
            "Hold a command until its window, then run it.",
            (
                "gridwise wait --hours 2 --region London --by 'tomorrow 08:00' -- make train",
                "gridwise wait --hours 6 --pausable --max-wait 12h -- python train.py",
                "gridwise wait 3f2a0000-0000-4000-8000-000000000001 -- ./run.sh",
            ),
        ),
        "mcp": Command(
            "graph.cli.mcp:mcp",
            "Serve the Model Context Protocol to assistants and editors.",
            ("gridwise mcp", "gridwise mcp --http --port 8765"),
            extra="mcp",
        ),
        "sbatch": Command(
            "graph.cli.sbatch:sbatch",
            "Add the start to a Slurm batch script.",
            ("gridwise sbatch job.sh --region Manchester", "gridwise sbatch job.sh --region M13 --write"),
        ),
        "submit": Command(
            "graph.cli.submit:submit",
            "Put workloads into the queue.",
            (
                'gridwise submit "Nightly training" --gpu-mins 960 --hours 4 --deferral-mins 1200',
                'gridwise submit "Report" --hours 1 --by "tomorrow 09:00" --request "must stay in Scotland"',
                "gridwise submit --file rows.jsonl",
            ),
        ),
        "run": Command(
            "graph.cli.run:run",
            "The poller: claim workloads, place them, write the answers.",
            ("gridwise run", "gridwise run --until-empty", "gridwise run --metrics-port 9100"),
        ),
        "list": Command(
            "graph.cli.list:list_workloads",
            "List workloads, newest first.",
            ("gridwise list", "gridwise list --state failed --since 2d", "gridwise list --json --limit 1000"),
        ),
        "show": Command(
            "graph.cli.show:show",
            "Show one workload and its recommendation.",
            ("gridwise show 3f2a", 'gridwise show "Nightly training"'),
        ),
        "explain": Command(
            "graph.cli.explain:explain_workload",
            "Show what a recommendation was chosen from.",
            ("gridwise explain 3f2a", "gridwise explain 3f2a --html page.html"),
        ),
    },
    QUEUE: {
        "status": Command(
            "graph.cli.status:status",
            "Show what waits, what runs and what failed.",
            ("gridwise status", "gridwise status --watch"),
        ),
        "history": Command(
            "graph.cli.history:history", "Show the attempts at one workload.", ("gridwise history 3f2a",)
        ),
        "cancel": Command(
            "graph.cli.cancel:cancel",
            "Cancel workloads.",
            ("gridwise cancel 3f2a", 'gridwise cancel "Nightly training"'),
        ),
        "retry": Command(
            "graph.cli.retry:retry",
            "Put failed workloads back into the queue.",
            ("gridwise retry 3f2a", "gridwise retry 3f2a 91c0 --fresh"),
        ),
        "relax": Command(
            "graph.cli.relax:relax",
            "Loosen a limit of a failed workload, and submit it again.",
            ("gridwise show 3f2a", "gridwise relax 3f2a 1"),
        ),
        "purge": Command(
            "graph.cli.purge:purge",
            "Delete finished workloads.",
            ("gridwise purge --dry-run", "gridwise purge --older-than 30d --state failed --yes"),
        ),
    },
    SET_UP: {
        "doctor": Command(
            "graph.cli.doctor:doctor", "Check every configured part and say what to fix.", ("gridwise doctor",)
        ),
        "migrate": Command(
            "graph.cli.migrate:migrate",
            "Bring the database up to date.",
            ("gridwise migrate", "gridwise migrate --check", "gridwise migrate --print > gridwise.sql"),
        ),
        "dev": Command(
            "graph.cli.dev:dev",
            "Look inside the graph with LangGraph's development server.",
            ("gridwise dev", "gridwise dev --browser"),
            extra="dev",
        ),
        "backtest": Command(
            "graph.cli.backtest:backtest",
            "Replay past data and compare policies.",
            ("gridwise backtest --trace intensity_2023.csv", "gridwise backtest --trace gb.csv --html report.html"),
        ),
        "eval": Command(
            "evals.command:evaluate",
            "Judge the agents on recorded model calls (from a checkout).",
            ("gridwise eval", "gridwise eval --suite decisions"),
            extra="dev",
        ),
    },
}
COMMANDS: Final = {name: command for section in SECTIONS.values() for name, command in section.items()}
PLUGINS: Final = "gridwise.commands"
"""Entry points by which other packages add commands: `name = "module:function"`, with `[extra]` where it needs one."""
