"""A frontend written to the description, and the files that docs/frontend.md offers to paste: compiled and run."""

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from persistence.store.open import Store
from tests.supabase.project import HERE, Project
from tests.supabase.row_types import typescript

pytestmark = pytest.mark.anyio

MANUAL = HERE.parents[1] / "docs" / "frontend.md"
USER = UUID(int=0xA11CE)
OUTPUT_COLUMNS = [
    "agent_status", "agent_started_at", "agent_completed_at", "agent_error", "decision_summary", "recommended_region",
    "recommended_region_id", "recommended_grid_zone_id", "recommended_asset_id", "recommended_carbon_intensity",
    "recommended_renewable_mix", "recommended_cost_gbp", "recommended_time_window_start",
    "recommended_time_window_end", "recommendation_source", "recommendation_rank", "recommendation_confidence",
    *(
        f"recommended_{n}_{name}"
        for n in (2, 3)
        for name in (
            "region", "region_id", "grid_zone_id", "asset_id", "carbon_intensity", "renewable_mix", "cost_gbp",
            "reason",
        )
    ),
]  # fmt: skip
COMPILER_OPTIONS = {
    "strict": True, "noUnusedLocals": True, "noUnusedParameters": True, "target": "es2022", "module": "commonjs",
    "moduleResolution": "bundler", "types": ["node"], "skipLibCheck": True, "rootDir": ".", "outDir": "built",
    "paths": {"@/*": ["./*"]},
}  # fmt: skip
USAGE = """
import {{ supabase }} from '@/lib/supabase'
declare const user: {{ id: string }}
declare const workloadId: string
declare const controller: AbortController
declare function setStatus(status: string | null): void
{imports}
export async function usage{number}() {{
{body}
}}
"""


def blocks() -> list[tuple[str | None, str]]:
    """The manual's TypeScript: (file name, code) for files to paste, (None, code) for usage."""
    found = re.findall(r"^```ts(?: file=(\S+))?\n(.*?)^```$", MANUAL.read_text(), re.DOTALL | re.MULTILINE)
    return [(name or None, code) for name, code in found]


async def run(
    folder: Path, *command: str, environment: dict[str, str] | None = None, hear: Callable[[str], None] = print
) -> None:
    """Runs to the end, which must be a good one; `hear` gets each line of output as it comes."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env={**os.environ, **(environment or {})}, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, limit=1 << 20,
    )  # fmt: skip
    assert process.stdout
    async for line in process.stdout:
        hear(line.decode())
    assert await process.wait() == 0


@pytest.fixture
async def application(tmp_path: Path) -> Path:
    """A project with the manual's files and usage in it, compiled under `strict`."""
    usages = 0
    for name, code in blocks():
        if name is None:
            usages += 1
            imports = "".join(line for line in code.splitlines(keepends=True) if line.startswith("import "))
            needed = "" if "pollForRecommendations" in imports or "pollForRecommendations(" not in code else (
                "import { pollForRecommendations } from '@/lib/workload-recommendations'"
            )  # fmt: skip
            body = code.replace(imports, "")
            name = f"usage{usages}.ts"
            code = USAGE.format(imports=imports + needed, number=usages, body=body)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    (tmp_path / "node_modules" / "@").mkdir(parents=True)
    for package in (HERE / "node_modules").iterdir():
        if not package.name.startswith("."):
            (tmp_path / "node_modules" / package.name).symlink_to(package)
    (tmp_path / "node_modules" / "@" / "lib").symlink_to(tmp_path / "built" / "lib")
    options = {**COMPILER_OPTIONS, "noUnusedLocals": False}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["**/*.ts"]}))
    await run(tmp_path, str(HERE / "node_modules" / ".bin" / "tsc"), "--project", "tsconfig.json")
    assert usages >= 3
    return tmp_path


async def test_the_row_types_in_the_manual_are_those_of_the_database(project: Project) -> None:
    (shown,) = (code for name, code in blocks() if name == "lib/database.types.ts")
    assert shown == await typescript(project.database_url)


async def test_a_frontend_written_to_the_description_works(
    project: Project, store: Store, application: Path, answer: Callable[..., Any]
) -> None:
    (application / "contract.cjs").write_text((HERE / "contract.cjs").read_text())
    environment = {
        "NEXT_PUBLIC_SUPABASE_URL": project.url,
        "NEXT_PUBLIC_SUPABASE_ANON_KEY": project.anon_key,
        "USER_ID": str(USER),
        "USER_TOKEN": project.token("authenticated", user=USER),
        "COLUMNS": ",".join(OUTPUT_COLUMNS),
    }
    steps: dict[str, Any] = {}

    def hear(line: str) -> None:
        print(line, end="")
        if line.startswith("{"):
            said = json.loads(line)
            steps[said["step"]] = said["value"]

    frontend = asyncio.create_task(run(application, "node", "contract.cjs", environment=environment, hear=hear))
    while not frontend.done():
        if "failed" not in steps or "resubmitted" in steps:  # in between the frontend waits in vain, on purpose
            await play_the_poller(
                store, answer, summary="planned again" if "failed" in steps else "Run it in the north."
            )
        await asyncio.wait([frontend], timeout=0.05)
    await frontend
    assert list(steps) == ["submitted", "completed", "failed", "resubmitted", "done"]
    row = steps["completed"]
    assert (row["status"], row["recommended_cost_gbp"], row["recommendation_confidence"]) == ("queued", 1.2345, 0.83)
    assert row["recommended_asset_id"] is None
    assert {name for name in OUTPUT_COLUMNS if row[name] is None} == {
        "agent_error", "recommended_asset_id", "recommended_2_asset_id", "recommended_3_asset_id",
    }  # fmt: skip


async def play_the_poller(store: Store, answer: Callable[..., Any], *, summary: str) -> None:
    for claimed in await store.queue.claim(owner="poller", limit=5, lease_seconds=60, max_attempts=5):
        if claimed.row["workload_name"] == "doomed":
            await store.queue.fail(claimed.lease, "No window meets the cap.", retry_in_seconds=None, max_attempts=5)
        elif claimed.row["workload_name"] == "contract":
            await store.queue.complete(claimed.lease, answer(summary=summary))
