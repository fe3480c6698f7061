"""Values of checkpoints, each stored once: a checkpoint names them by the hash of what is stored.

A run's state is written at every step and copied into every subgraph, though most of it never changes. So what is
large is kept once per thread, compressed, and the messages of a conversation one by one.
"""

import zlib
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, Final
from weakref import ref

from langchain_core.messages import BaseMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import BaseModel

from persistence.errors import DamagedCheckpoint

CHANNEL: Final = "="
"""Under this name, which no channel of a graph has, contents are kept among LangGraph's blobs; their version is the
hash."""
NAMESPACE: Final = ""
"""Of the whole thread, whichever subgraph wrote them first."""
INLINE_BYTES: Final = 200
_REFERENCE: Final = "="
_REFERENCES: Final = "=[]"
_COMPRESSED: Final = "z:"
_HASH_BYTES: Final = 16


class ContentSerializer(JsonPlusSerializer):
    """LangGraph's serializer; reads references as well, to contents that have been handed to `learn`."""

    def __init__(self, stored_types: Iterable[type]) -> None:
        allowed = [(kind.__module__, kind.__qualname__) for kind in stored_types]
        super().__init__(allowed_msgpack_modules=allowed or None)
        self._contents: dict[bytes, tuple[str, bytes]] = {}

    def learn(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Hash, type, content. Raises `DamagedCheckpoint` for one that is not what its hash says."""
        for name, kind, content in rows:
            if _hash(kind, content).hex() != name:
                msg = f"The stored content {name} was changed."
                raise DamagedCheckpoint(msg)
            self._contents[bytes.fromhex(name)] = (kind, content)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:  # noqa: ANN401  the base class's
        kind, stored = data
        if kind == _REFERENCE:
            return self._content(bytes(stored))
        if kind == _REFERENCES:
            return [self._content(bytes(stored[at : at + _HASH_BYTES])) for at in range(0, len(stored), _HASH_BYTES)]
        if kind.startswith(_COMPRESSED):
            return super().loads_typed((kind.removeprefix(_COMPRESSED), zlib.decompress(stored)))
        return super().loads_typed(data)

    def _content(self, name: bytes) -> Any:  # noqa: ANN401  as above
        if name not in self._contents:
            msg = f"The stored content {name.hex()} is missing."
            raise DamagedCheckpoint(msg)
        return self.loads_typed(self._contents[name])


class Contents:
    """What one run stores. Values that are never changed in place are serialised once, whatever refers to them."""

    def __init__(self, serializer: ContentSerializer) -> None:
        self._serializer = serializer
        self._stored: set[bytes] = set()

    def refer(self, value: object, new: dict[bytes, tuple[str, bytes]]) -> tuple[str, bytes]:
        """Type and blob of a value; what has to be stored besides is added to `new`."""
        if isinstance(value, list) and value and all(isinstance(one, BaseMessage) for one in value):
            return _REFERENCES, b"".join(self._reference(one, new) for one in value)
        if isinstance(value, BaseModel):
            return _REFERENCE, self._reference(value, new)
        kind, blob = self._serializer.dumps_typed(value)
        return compressed(kind, blob)

    def mark_stored(self, names: Iterable[bytes]) -> None:
        """They have arrived: nobody need send them again."""
        self._stored.update(names)

    def _reference(self, value: BaseModel, new: dict[bytes, tuple[str, bytes]]) -> bytes:
        key = id(value)
        if key not in _SERIALISED:
            content = compressed(*self._serializer.dumps_typed(value))
            _SERIALISED[key] = ref(value, lambda _: _SERIALISED.pop(key)), _hash(*content), content
        _, name, content = _SERIALISED[key]
        if name not in self._stored:
            new[name] = content
        return name


_SERIALISED: Final[dict[int, tuple[ref[BaseModel], bytes, tuple[str, bytes]]]] = {}
"""By the value's identity while it lives, its name and content: runs share the market's snapshot of a half-hour."""


def compressed(kind: str, blob: bytes) -> tuple[str, bytes]:
    """Type and blob, smaller where that is worth it."""
    return (kind, blob) if len(blob) < INLINE_BYTES else (_COMPRESSED + kind, zlib.compress(blob, 1))


def _hash(kind: str, content: bytes) -> bytes:
    return blake2b(kind.encode() + b"\0" + content, digest_size=_HASH_BYTES).digest()
