"""Which commands there are: where each is, what it is for, how it is called. Nothing here imports one."""

from typing import Final, NamedTuple


class Command(NamedTuple):
    """One line of `gridwise --help`."""

    target: str
    """module:function; imported when the command is used."""
    help: str
    examples: tuple[str, ...]
    """Shown below the options in the command's own help."""
    options: str | None = None
    """Its options, `=` behind those that take a value: a wrong one is refused before the command is imported. None:
    not known, the command itself judges."""
    extra: str = ""
    """The optional dependencies that it needs, as in `pip install 'gridwise[dev]'`."""


OF_A_WORKLOAD: Final = (
    "--type= --urgency= --gpus= --gpu-mins= --cpu-cores= --memory-gb= --energy-kwh= --hours= --deferral-mins= "
    "--deadline= --by= --earliest-start= --carbon-cap-g= --max-intensity= --min-renewable= --max-price= --host-dc= "
    "--request="
)
"""The options that describe a workload (graph/cli/workload.py)."""
PLACE: Final = "Place workloads"
QUEUE: Final = "Look after the queue"
SET_UP: Final = "Set up and study"

SECTIONS: Final[dict[str, dict[str, Command]]] = {
    PLACE: {
        "demo": Command(
            "graph.cli.demo:demo",
            "Place twelve sample workloads on one recorded day.",
            ("gridwise demo", "gridwise demo --json | jq .decision_summary"),
            options="--into-configured-store --verbose --json",
        ),
        "plan": Command(
            "graph.cli.plan:plan",
            "Answer at once, without a queue.",
            (
                'gridwise plan --hours 4 --gpus 2 --by "tomorrow 09:00"',
                "gridwise plan --hours 1 --region London --chart",
                "gridwise plan --hours 8 --format sbatch > job.sh",
            ),
            options=OF_A_WORKLOAD + " --region= --top= --chart --html= --format= --command= --json",
        ),
        "wait": Command(
            "graph.cli.wait:wait",
            "Hold a command until its window, then run it.",
            (
                "gridwise wait --hours 2 --region London --by 'tomorrow 08:00' -- make train",
                "gridwise wait --hours 6 --pausable --max-wait 12h -- python train.py",
                "gridwise wait 3f2a0000-0000-4000-8000-000000000001 -- ./run.sh",
            ),
            options=OF_A_WORKLOAD + " --region= --pausable --max-wait= --dry-run --json",
        ),
        "mcp": Command(
            "graph.cli.mcp:mcp",
            "Serve the Model Context Protocol to assistants and editors.",
            ("gridwise mcp", "gridwise mcp --http --port 8765"),
            options="--http --port=",
            extra="mcp",
        ),
        "sbatch": Command(
            "graph.cli.sbatch:sbatch",
            "Add the start to a Slurm batch script.",
            ("gridwise sbatch job.sh --region Manchester", "gridwise sbatch job.sh --region M13 --write"),
            options=OF_A_WORKLOAD + " --region= --write --json",
        ),
        "submit": Command(
            "graph.cli.submit:submit",
            "Put workloads into the queue.",
            (
                'gridwise submit "Nightly training" --gpu-mins 960 --hours 4 --deferral-mins 1200',
                'gridwise submit "Report" --hours 1 --by "tomorrow 09:00" --request "must stay in Scotland"',
                "gridwise submit --file rows.jsonl",
            ),
            options=OF_A_WORKLOAD + " --file= --json",
        ),
        "run": Command(
            "graph.cli.run:run",
            "The poller: claim workloads, place them, write the answers.",
            (
                "gridwise run",
                "gridwise run --until-empty",
                "gridwise run --metrics-port 9100",
                "gridwise run --server http://127.0.0.1:2024",
            ),
            options="--until-empty --metrics-port= --verbose --server= --json",
        ),
        "list": Command(
            "graph.cli.list:list_workloads",
            "List workloads, newest first.",
            ("gridwise list", "gridwise list --state failed --since 2d", "gridwise list --json --limit 1000"),
            options="--state= --name= --since= --limit= --demo --json",
        ),
        "show": Command(
            "graph.cli.show:show",
            "Show one workload and its recommendation.",
            ("gridwise show 3f2a", 'gridwise show "Nightly training"'),
            options="--demo --json",
        ),
        "explain": Command(
            "graph.cli.explain:explain_workload",
            "Show what a recommendation was chosen from.",
            ("gridwise explain 3f2a", "gridwise explain 3f2a --html page.html"),
            options="--html= --demo --json",
        ),
    },
    QUEUE: {
        "status": Command(
            "graph.cli.status:status",
            "Show what waits, what runs and what failed.",
            ("gridwise status", "gridwise status --watch"),
            options="--watch --every= --json",
        ),
        "history": Command(
            "graph.cli.history:history",
            "Show the attempts at one workload.",
            ("gridwise history 3f2a",),
            options="--demo --json",
        ),
        "cancel": Command(
            "graph.cli.cancel:cancel",
            "Cancel workloads.",
            ("gridwise cancel 3f2a", 'gridwise cancel "Nightly training"'),
            options="--json",
        ),
        "retry": Command(
            "graph.cli.retry:retry",
            "Put failed workloads back into the queue.",
            ("gridwise retry 3f2a", "gridwise retry 3f2a 91c0 --fresh"),
            options="--fresh --json",
        ),
        "relax": Command(
            "graph.cli.relax:relax",
            "Loosen a limit of a failed workload, and submit it again.",
            ("gridwise show 3f2a", "gridwise relax 3f2a 1"),
            options="--json",
        ),
        "purge": Command(
            "graph.cli.purge:purge",
            "Delete finished workloads.",
            ("gridwise purge --dry-run", "gridwise purge --older-than 30d --state failed --yes"),
            options="--older-than= --state= --dry-run --yes --json",
        ),
    },
    SET_UP: {
        "doctor": Command(
            "graph.cli.doctor:doctor",
            "Check every configured part and say what to fix.",
            ("gridwise doctor",),
            options="--json",
        ),
        "migrate": Command(
            "graph.cli.migrate:migrate",
            "Bring the database up to date.",
            ("gridwise migrate", "gridwise migrate --check", "gridwise migrate --print > gridwise.sql"),
            options="--check --print --sample-assets --no-sample-assets --owner-policies --no-owner-policies --json",
        ),
        "dev": Command(
            "graph.cli.dev:dev",
            "Look inside the graph with LangGraph's development server.",
            ("gridwise dev", "gridwise dev --browser"),
            options="--port= --browser",
            extra="dev",
        ),
        "backtest": Command(
            "graph.cli.backtest:backtest",
            "Replay past data and compare policies.",
            ("gridwise backtest --trace intensity_2023.csv", "gridwise backtest --trace gb.csv --html report.html"),
            options="--trace= --scenario= --jobs= --paper --confidence --vintages= --prices --pausable --slack= "
            "--slack-hours= --window-hours= --count= --error= --seeds= --carbon-price= --objective= --guard --by= "
            "--min-saving= --min-saving-gbp= --html= --json",
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
