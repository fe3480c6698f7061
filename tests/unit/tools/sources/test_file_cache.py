"""The cache in the user's folder: shared between processes, whole or not at all, and never in the way."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tools.sources.file_cache import FileCache

pytestmark = pytest.mark.anyio


async def test_what_one_command_stored_the_next_one_finds(tmp_path: Path) -> None:
    await FileCache(tmp_path / "new").put("neso:regional", {"slots": {"a": [1.5, None]}})
    found = await FileCache(tmp_path / "new").get("neso:regional")
    assert found is not None
    assert found[0] == {"slots": {"a": [1.5, None]}}
    assert await FileCache(tmp_path / "new").get("octopus:agile") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"payload": 1}', b"\xff\xfe", b'{"stored_at": "soon"}'])
async def test_a_damaged_file_counts_as_nothing_stored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert await FileCache(tmp_path).get("a") is None


async def test_a_folder_that_cannot_be_made_is_an_empty_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = FileCache(tmp_path / "file" / "below")
    await cache.put("a", 1)
    async with cache.lock("a"):
        assert await cache.get("a") is None


async def test_the_lock_is_one_process_s_at_a_time_and_dies_with_it(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from tools.sources.file_cache import FileCache\n"
        "async def main():\n"
        "    async with FileCache(pathlib.Path(sys.argv[1])).lock('a'):\n"
        "        print('held', flush=True); sys.stdin.read()\n"
        "asyncio.run(main())\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
        entered = asyncio.Event()

        async def enter() -> None:
            async with FileCache(tmp_path).lock("a"):
                entered.set()

        waiting = asyncio.create_task(enter())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(entered.wait(), 0.3)
        holder.kill()
        await asyncio.wait_for(waiting, 10)
    finally:
        holder.kill()
        holder.communicate()


async def test_who_waits_too_long_goes_on_without_the_lock(tmp_path: Path) -> None:
    async with FileCache(tmp_path).lock("a"), FileCache(tmp_path, lock_seconds=0.1).lock("a"):
        pass
