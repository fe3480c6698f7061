"""Answers of the sources in files of the user's cache folder: for commands that open no database."""

import asyncio
import fcntl
import json
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from tools.slots import utc_time

LOCK_SECONDS: Final = 20.0
"""A little longer than one source may take; whoever waits longer asks by itself."""
_POLL_SECONDS: Final = 0.05


class FileCache:
    """A `ResponseCache` shared by all commands of one user. Never raises: an unusable folder is an empty cache."""

    def __init__(self, folder: Path, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self._folder = folder
        self._lock_seconds = lock_seconds

    async def get(self, key: str) -> tuple[JsonValue, datetime] | None:
        with suppress(OSError, ValueError):
            stored = json.loads(self._file(key, "json").read_text(encoding="utf-8"))
            at = utc_time(stored.get("stored_at")) if isinstance(stored, dict) else None
            return None if at is None else (stored["payload"], at)
        return None

    async def put(self, key: str, payload: JsonValue) -> None:
        text = json.dumps({"stored_at": datetime.now(UTC).isoformat(), "payload": payload})
        with suppress(OSError):
            self._replace(self._file(key, "json"), text)

    def _replace(self, file: Path, text: str) -> None:
        """As a whole: a reader sees the old answer or the new one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=self._folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(text)
            Path(partial).replace(file)
        except OSError:
            Path(partial).unlink(missing_ok=True)

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncIterator[None]:
        """The kernel lets go of it when its holder dies."""
        descriptor = None
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file(key, "lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if descriptor is not None:
                await self._acquire(descriptor)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    async def _acquire(self, descriptor: int) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._lock_seconds):
                while True:
                    try:
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except OSError:
                        await asyncio.sleep(_POLL_SECONDS)
                    else:
                        return

    def _file(self, key: str, ending: str) -> Path:
        return self._folder / f"{key.replace(':', '-')}.{ending}"
