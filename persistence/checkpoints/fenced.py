"""A run's checkpoints, written only by whoever holds the lease.

LangGraph has no lock on a thread: two processes that run the same thread fork it. Every write here therefore carries
the holder's token and is refused by the database once a newer token has opened the thread, in the same round trip.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, Literal, LiteralString, TypeAlias, TypeVar, cast
from uuid import UUID

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_serializable_checkpoint_metadata,
)
from langgraph.constants import START
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb
from structlog.typing import FilteringBoundLogger

from persistence.checkpoints.contents import CHANNEL, NAMESPACE, Contents, compressed
from persistence.checkpoints.pooled import PooledSaver, translated
from persistence.connections.pool import Pool
from persistence.errors import DamagedCheckpoint, LeaseLost, StoreError
from persistence.log import default_log
from persistence.retry import Backoff, Outage, Retrier, Until

ThreadState: TypeAlias = Literal["new", "known"]

T = TypeVar("T")

SUPERSEDED_SECONDS: Final = 0.1
"""How long what a task wrote waits for the checkpoint that makes keeping it unnecessary. It comes within a millisecond
where the task ran alone; where siblings still run, a finished task loses no more than this to a kill."""
_BACKOFF: Final = Backoff(base_seconds=0.05, cap_seconds=1)


class FencedSaver(PooledSaver):
    """The saver of one run: writes only while `token` is the newest that has opened `thread_id`.

    Nothing is written that no resumed run would miss: a checkpoint that only holds what came in waits for the one after
    the first step, the last one of a subgraph for the checkpoint of the graph above, which contains what it gave, and
    what a task wrote is written only if the checkpoint that contains it does not follow at once.

    Call `open` once, before the thread is read. A call that fails because the database went away is sent again for
    `patience_seconds`: each is idempotent, and what a finished step wrote must not be lost to a restart. No call takes
    longer than that and twice `call_seconds`, after which a connection is given up as dead.
    `outage` hears of it, by the name `part`.
    """

    def __init__(
        self,
        pool: Pool,
        *,
        thread_id: UUID,
        token: int,
        stored_types: Iterable[type] = (),
        patience_seconds: float = 30,
        call_seconds: float = 10,
        outage: Outage | None = None,
        part: str = "checkpoint",
        log: FilteringBoundLogger | None = None,
    ) -> None:
        super().__init__(pool, stored_types=stored_types)
        self.thread_id = str(thread_id)
        self.token = token
        self._patience = Until(seconds=patience_seconds)
        self._retry = Retrier(outage, backoff=_BACKOFF)
        self._part = part
        self._log = log or default_log()
        self._call_seconds = call_seconds
        self._is_new = False
        """Set by `open`, read by `aget_tuple`."""
        self._stored: set[str] = set()
        """Namespaces that this saver has written to; of a new thread there are no others."""
        self._values = Contents(self.contents)
        self._rows: dict[str, dict[str, tuple[str, bytes]]] = {}
        """By namespace and channel, what the newest checkpoint has in the blobs table."""
        self._held: dict[str, _Held] = {}
        """By namespace, the newest checkpoint where it has not been written."""
        self._tasks: dict[tuple[str, str | None], _Tasks] = {}
        """By namespace and checkpoint, those that ran on it; taken by the checkpoint that follows."""

    async def open(self) -> ThreadState:
        """Take the thread over: from here on the former holder's writes are refused.

        Raises:
            LeaseLost: a newer holder was here first.
            StoreError: the database does not answer.
        """
        state = await self._call("select agent_checkpoints.open_thread(%s, %s) as answer")
        if state == "fenced":
            msg = (
                f"Another poller has taken over this run: token {self.token} came too late for thread {self.thread_id}."
            )
            raise LeaseLost(msg)
        self._is_new = state == "new"
        return cast("ThreadState", state)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        namespace = config["configurable"].get("checkpoint_ns", "")
        await self._flush(namespace)
        if self._is_new and namespace not in self._stored:
            return None  # nobody else can have written since, so the database need not be asked
        return await self._patiently(lambda: self._read(config))

    async def _read(self, config: RunnableConfig) -> CheckpointTuple | None:
        try:
            return await super().aget_tuple(config)
        except (StoreError, psycopg.Error, TimeoutError):
            raise
        except Exception as error:  # whatever the bytes have become, no decoder is sure to say it in one way
            msg = f"What is stored of thread {self.thread_id} cannot be read: {error}"
            raise DamagedCheckpoint(msg) from error

    async def _load_checkpoint_tuple(self, value: DictRow) -> CheckpointTuple:
        rows = {channel.decode(): (kind.decode(), bytes(blob)) for channel, kind, blob in value["channel_values"] or ()}
        expected = value["metadata"].get(_SEAL)  # the version before stored none
        if expected is not None and expected != _seal(
            _canonical(value["checkpoint"]), value["checkpoint"]["channel_versions"], rows
        ):
            msg = f"What is stored of thread {self.thread_id} is incomplete or was changed."
            raise DamagedCheckpoint(msg)
        self._rows[value["checkpoint_ns"]] = rows
        return await super()._load_checkpoint_tuple(value)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint, in one fenced call, or hold it back until the next one."""
        configurable = config["configurable"]
        namespace, parent = configurable["checkpoint_ns"], configurable.get("checkpoint_id")
        before = self._held.pop(namespace, None)
        tasks = self._tasks.pop((namespace, parent), None) or _Tasks()
        held = _Held(
            checkpoint=checkpoint,
            parent=before.parent if before else parent,
            changed={*(before.changed if before else ()), *new_versions},
            metadata=get_serializable_checkpoint_metadata(config, metadata),
            nodes=[*(before.nodes if before else ()), *tasks.nodes],
        )
        self._held[namespace] = held
        if not namespace:  # a step of the whole graph is done, and with it all subgraphs that it ran
            held.nodes[:0] = self._end_subgraphs()
        may_wait = _may_wait(namespace, checkpoint, metadata)
        if not may_wait:
            await self._flush(namespace)
        if tasks.nodes:
            self._log.debug("Nodes finished", nodes=tasks.nodes, namespace=namespace, is_stored=not may_wait)
        tasks.superseded.set()
        return {
            "configurable": {
                "thread_id": self.thread_id,
                "checkpoint_ns": namespace,
                "checkpoint_id": checkpoint["id"],
            }
        }

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store what one task wrote, in one fenced call, unless the checkpoint that contains it follows at once."""
        configurable = config["configurable"]
        namespace, checkpoint_id = configurable["checkpoint_ns"], configurable["checkpoint_id"]
        is_special = any(channel in WRITES_IDX_MAP for channel, _ in writes)
        if not is_special:
            tasks = self._tasks.setdefault((namespace, checkpoint_id), _Tasks())
            tasks.paths.append(task_path)
            if await _happens(tasks.superseded, within_seconds=SUPERSEDED_SECONDS):
                return
        await self._flush(namespace)
        blobs = [compressed(*self.serde.dumps_typed(value)) for _, value in writes]
        await self._call(
            "select agent_checkpoints.put_writes(%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b) as answer",
            namespace,
            checkpoint_id,
            task_id,
            task_path,
            all(channel in WRITES_IDX_MAP for channel, _ in writes),
            [WRITES_IDX_MAP.get(channel, index) for index, (channel, _) in enumerate(writes)],
            [channel for channel, _ in writes],
            [kind for kind, _ in blobs],
            [data for _, data in blobs],
        )

    def _end_subgraphs(self) -> list[str]:
        """Drop their checkpoints that were held back; the nodes that led to these, behind their subgraph's name."""
        ended = [namespace for namespace in self._held if namespace]
        return [f"{space.partition(':')[0]}/{node}" for space in ended for node in self._held.pop(space).nodes]

    async def _flush(self, namespace: str) -> None:
        """Write the checkpoint that is held back, if there is one."""
        held = self._held.get(namespace)
        if held is None:
            return
        checkpoint = held.checkpoint
        values = checkpoint["channel_values"]
        inline = {name: value for name, value in values.items() if value is None or isinstance(value, _SCALARS)}
        contents: dict[bytes, tuple[str, bytes]] = {}
        versions = checkpoint["channel_versions"]
        changed = {
            name: self._values.refer(values[name], contents)
            for name in versions
            if name in held.changed and name in values and name not in inline
        }
        kept = {name: row for name, row in self._rows.get(namespace, {}).items() if name in values}
        stored = {**kept, **changed}
        document = _canonical({**checkpoint, "channel_values": inline})
        rows = [(namespace, name, str(versions[name]), *row) for name, row in changed.items()]
        rows += [(NAMESPACE, CHANNEL, name.hex(), *content) for name, content in contents.items()]
        await self._call(
            "select agent_checkpoints.put_checkpoint_v2(%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b) as answer",
            namespace,
            checkpoint["id"],
            held.parent,
            Jsonb(document, dumps=str),
            Jsonb({**held.metadata, "nodes": held.nodes, _SEAL: _seal(document, versions, stored)}),
            *([row[column] for row in rows] for column in range(5)),
        )
        self._values.mark_stored(contents)
        self._rows[namespace] = stored
        self._stored.add(namespace)
        if self._held.get(namespace) is held:
            del self._held[namespace]

    async def _call(self, query: LiteralString, *arguments: object) -> object:
        async def once() -> object:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(query, (self.thread_id, self.token, *arguments))
                row = await cursor.fetchone()
                return row and row["answer"]

        return await self._patiently(once)

    async def _patiently(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        return await self._retry(self._part, lambda: self._in_time(call), until=self._patience)

    async def _in_time(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with translated():
            return await self._pool.within(self._call_seconds, call())


_SCALARS = (str, int, float, bool)
_SEAL = "seal"
_SENT = "~__pregel_push"
"""Path of a task that was sent to, as each call of a tool was in the version before."""
_NEXT = ("branch:to:", "join:", "__pregel_tasks")
"""How LangGraph calls the channels that make a node run."""


@dataclass(kw_only=True, slots=True)
class _Held:
    """A checkpoint that is yet to be written, with all that changed since the one that was."""

    checkpoint: Checkpoint
    parent: str | None
    changed: set[str]
    metadata: Mapping[str, Any]
    nodes: list[str]


@dataclass(kw_only=True, slots=True)
class _Tasks:
    """Tasks that ran on one checkpoint, by their paths, until the next checkpoint contains what they wrote."""

    paths: list[str] = field(default_factory=list)
    superseded: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def nodes(self) -> list[str]:
        names = ("tools" if path.startswith(_SENT) else path.partition(", ")[2] for path in self.paths)
        return [name for name in dict.fromkeys(names) if name != START]


def _may_wait(namespace: str, checkpoint: Checkpoint, metadata: CheckpointMetadata) -> bool:
    """Whether a run that starts from the checkpoint before this one repeats nothing that costs: it holds what came in,
    or a subgraph ends with it, since no node is to run."""
    if metadata.get("source") == "input" or metadata.get("step", 0) <= 0:
        return True
    return bool(namespace) and not any(name.startswith(_NEXT) for name in checkpoint["channel_values"])


def _canonical(checkpoint: Mapping[str, Any]) -> str:
    return json.dumps(checkpoint, sort_keys=True)


def _seal(document: str, versions: Mapping[str, Any], rows: Mapping[str, tuple[str, bytes]]) -> str:
    """A hash over all that makes up a checkpoint, so that one of which a part was lost or changed is not continued."""
    seal = blake2b(document.encode(), digest_size=16)
    for name in sorted(rows):
        kind, blob = rows[name]
        seal.update(f"{name} {versions.get(name)} {kind} {len(blob)} ".encode() + blob)
    return seal.hexdigest()


async def _happens(event: asyncio.Event, *, within_seconds: float) -> bool:
    try:
        async with asyncio.timeout(within_seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
