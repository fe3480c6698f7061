"""A TCP proxy in front of the servers: cuts connections, swallows traffic for a while and delivers it late."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

Dial: TypeAlias = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def _port(server: asyncio.Server | None) -> int:
    assert server is not None
    return int(server.sockets[0].getsockname()[1])


class Proxy:
    """One per poller, so that a network fault can hit one of them alone, and then all its connections.

    In front of the database's socket and, where given, of the REST API's port.
    """

    def __init__(self, socket: Path, rest_port: int | None = None) -> None:
        self._target = str(socket / ".s.PGSQL.5432")
        self._rest_target = rest_port
        self._open = asyncio.Event()
        self._open.set()
        self._links: set[asyncio.Task[None]] = set()
        self._frozen: frozenset[asyncio.Task[None]] = frozenset()
        self.swallowed = asyncio.Event()
        """A client sent something on a frozen connection."""
        self._server: asyncio.Server | None = None
        self._rest_server: asyncio.Server | None = None
        self.delay_seconds = 0.0
        self._trap: tuple[bytes, asyncio.Event] | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        if self._rest_target is not None:
            self._rest_server = await asyncio.start_server(self._serve_rest, "127.0.0.1", 0)

    @property
    def port(self) -> int:
        return _port(self._server)

    @property
    def rest_url(self) -> str | None:
        return None if self._rest_server is None else f"http://127.0.0.1:{_port(self._rest_server)}"

    def url(self, database: str, **options: str) -> str:
        extra = "".join(f"&{name}={value}" for name, value in options.items())
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable{extra}"

    def cut(self) -> int:
        """Abort every connection; how many there were."""
        links = list(self._links)
        for link in links:
            link.cancel()
        return len(links)

    def freeze(self) -> int:
        """Nothing passes any more on present connections, and nobody is told; new ones work. How many there were."""
        self._frozen = frozenset(self._links)
        return len(self._frozen)

    async def black_hole(self, seconds: float) -> None:
        """Nothing passes and nobody is told; then everything that was sent arrives."""
        self._open.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._open.set()

    async def black_hole_on(self, text: bytes, seconds: float, *, wait_seconds: float) -> None:
        """The same, from the moment at which a client sends `text`: that message is the first to be late."""
        sprung = asyncio.Event()
        self._trap = text, sprung
        try:
            async with asyncio.timeout(wait_seconds):
                await sprung.wait()
            await asyncio.sleep(seconds)
        except TimeoutError:
            pass  # nobody sent it
        finally:
            self._trap = None
            self._open.set()

    async def stop(self) -> None:
        for server in (self._server, self._rest_server):
            if server is not None:
                server.close()
        self.cut()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._link(reader, writer, lambda: asyncio.open_unix_connection(self._target))

    async def _serve_rest(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._link(reader, writer, lambda: asyncio.open_connection("127.0.0.1", self._rest_target))

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dial: Dial) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            server_reader, server_writer = await dial()
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pump(task, reader, server_writer, is_client=True))
                    both.create_task(self._pump(task, server_reader, writer))
            finally:
                server_writer.transport.abort()
        except (asyncio.CancelledError, ExceptionGroup, OSError):
            pass  # cut, closed by one side, or the server restarts
        finally:
            writer.transport.abort()
            self._links.discard(task)

    async def _pump(
        self,
        link: asyncio.Task[None],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        is_client: bool = False,
    ) -> None:
        while data := await reader.read(65536):
            if link in self._frozen:
                self.swallowed.set()
                await asyncio.Event().wait()  # until cut
            if is_client and self._trap is not None and self._trap[0] in data:
                self._open.clear()
                self._trap[1].set()
                self._trap = None
            await self._open.wait()
            if self.delay_seconds:
                await asyncio.sleep(self.delay_seconds)
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
        raise ConnectionResetError
