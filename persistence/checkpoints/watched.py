"""A saver whose every write passes one place."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, ChannelVersions, Checkpoint, CheckpointMetadata


class WatchedSaver(BaseCheckpointSaver[str], ABC):
    """Inherit from this first and from the saver that stores second; implement `writing`."""

    @abstractmethod
    def writing(self, thread_id: str) -> AbstractAsyncContextManager[None]:
        """Entered round each write to a thread; what it raises before the write prevents it."""

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        async with self.writing(config["configurable"]["thread_id"]):
            return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        async with self.writing(config["configurable"]["thread_id"]):
            await super().aput_writes(config, writes, task_id, task_path)
