"""Calls that run at most once (PROTOCOL.md, section 18)."""

import asyncio
import hashlib
import os
import struct
import time
from dataclasses import dataclass

from . import values, wire
from .errors import CallError, Malformed
from .incoming import Context, Incoming

FEATURE = 0x02
RETENTION = 600.0  # seconds


@dataclass(frozen=True)
class Identity:
    """The contents of ONCE, and KEY."""

    client: bytes
    number: int
    seen: int
    created: int
    digest: bytes
    key: str = ""

    def field(self):
        """Encodes ONCE and KEY."""
        body = self.client + struct.pack(">QQQ", self.number, self.seen, self.created)
        key = wire.tlv(wire.KEY, self.key.encode()) if self.key else b""
        return wire.tlv(wire.ONCE, body + self.digest) + key


def read_identity(block):
    """Returns the identity in the fields of a REQUEST, or None."""
    value = block.get(wire.ONCE)
    if value is None:
        return None
    if len(value) != 72:
        raise Malformed("ONCE is not 72 bytes")
    numbers = struct.unpack_from(">QQQ", value, 16)
    key = block.get(wire.KEY)
    if max(numbers) >= 2**53 or key is not None and not 1 <= len(key) <= 128:
        raise Malformed("a number of ONCE, or KEY, is out of range")
    key = "" if key is None else wire.text(key)
    return Identity(bytes(value[:16]), *numbers, bytes(value[40:]), key)


# ── caller ────────────────────────────────────────────────────────────────


class Caller:
    """Numbers calls, and makes each until its outcome is known."""

    def __init__(self, connect):
        self._connect = connect  # returns an open peer
        self._client = os.urandom(16)
        self._last, self._seen, self._over = 0, 0, set()

    async def request(self, name, value, key=""):
        """Makes a call at most once, over as many connections as it takes."""
        number = 0
        if not key:
            self._last += 1
            number = self._last
        digest = hashlib.sha256(values.encode(value)).digest()
        created, store = None, None
        try:
            while True:
                peer = await self._connect()
                if created is None:
                    created, store = peer.server_time(), peer.hello.outcomes[1]
                elif store != peer.hello.outcomes[1]:
                    raise CallError("outcome-lost", "another store", processed="maybe")
                identity = Identity(
                    bytes(16) if key else self._client, number,
                    0 if key else self._seen, created, digest, key,
                )
                try:
                    return await peer.request(name, value, once=identity)
                except CallError as error:
                    if error.code != "disconnected":
                        raise
        finally:
            self._over.add(number)
            while self._seen + 1 in self._over:
                self._seen += 1


# ── callee ────────────────────────────────────────────────────────────────


@dataclass
class Entry:
    """A call that runs or has run."""

    digest: bytes
    outcome: asyncio.Future  # of the kind and body of its terminal


class Store:
    """Outcomes in memory, for one principal."""

    def __init__(self):
        self.id = os.urandom(8).hex()
        self._entries = {}
        self._seen = {}

    def reserve(self, method, identity):
        """Returns the entry of a call, and whether it must begin now."""
        client = identity.client
        seen = self._seen[client] = max(self._seen.get(client, 0), identity.seen)
        for known in [
            one for one, entry in self._entries.items()
            if one[1:2] == (client,) and one[2] <= seen and entry.outcome.done()
        ]:
            del self._entries[known]
        name = (method, identity.key) if identity.key else (
            method, client, identity.number
        )
        entry = self._entries.get(name)
        if entry is not None:
            if entry.digest != identity.digest:
                raise CallError("conflict", "another input", processed="no")
            return entry, False
        old = time.time() - identity.created / 1000 >= RETENTION
        if old or not identity.key and identity.number <= seen:
            raise CallError("outcome-lost", "it may have run", processed="maybe")
        future = asyncio.get_running_loop().create_future()
        entry = self._entries[name] = Entry(identity.digest, future)
        return entry, True


class OnceIncoming(Incoming):
    """A call whose handler outlives the connection."""

    _left = None  # why the caller no longer waits

    def begin_once(self, method, identity, time_left, metadata, body):
        """Enters the handler, joins it, or sends its outcome."""
        loop = asyncio.get_running_loop()
        try:
            entry, new = self.peer.once.reserve(method, identity)
        except CallError as error:
            answer = wire.ERROR, wire.encode_error(error)
            self._handling = loop.create_task(self._settle(*answer))
            return
        if new:
            context = Context(self.peer, metadata, time_left)
            self._task = loop.create_task(self._run(context, body))
            if time_left is not None:
                loop.call_later(time_left, self._expire)
            self._running = loop.create_task(self._outcome(context))
            self._running.add_done_callback(
                lambda it: entry.outcome.set_result(it.result())
            )
        self._handling = loop.create_task(self._deliver(entry))

    def _expire(self):
        self._reason = "deadline"
        self._task.cancel()

    def cancel(self, reason):
        """Notes that the caller has left; the handler goes on."""
        self._left = self._left or reason

    async def _deliver(self, entry):
        answer = await asyncio.shield(entry.outcome)
        if self._left is not None:
            error = CallError(self._left, processed="yes")
            answer = wire.ERROR, wire.encode_error(error)
        await self._settle(*answer)
