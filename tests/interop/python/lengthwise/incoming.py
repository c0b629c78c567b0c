"""Calls that the peer makes (PROTOCOL.md, sections 8, 9 and 12)."""

import asyncio
import uuid

from . import values, wire
from .credit import SendAccount
from .errors import CallError, Malformed
from .items import ReceiveWindow
from .outgoing import RECEIVES, SENDS


class Context:
    """Information for a handler about its call."""

    def __init__(self, peer, metadata, time_left):
        self.peer = peer
        self.metadata = metadata
        self.time_left = time_left  # initial seconds, or None
        self.opening = None
        self.items = None
        self.answer_metadata = {}


class Incoming:
    """A call that is being handled."""

    def __init__(self, peer, id, method, handler):
        self.peer = peer
        self.id = id
        self.shape = method.shape
        self.handler = handler
        self.state = "open" if self.shape in SENDS else "ended"
        self.account = SendAccount(peer.remote.stream_window)
        self.window = None
        self._reason = "cancelled"
        self._answered = False  # the terminal is sent before the handler settles
        self._task = None  # runs the handler, and may be cancelled
        self._handling = None  # sends its terminal, and is never cancelled
        self._timer = None
        if self.shape in SENDS:
            self.window = ReceiveWindow(peer, id, self._overloaded)

    def begin(self, time_left, metadata, body):
        """Enters the handler; `time_left` is in seconds, or None."""
        loop = asyncio.get_running_loop()
        if time_left is not None:
            self._timer = loop.call_later(time_left, self.cancel, "deadline")
        context = Context(self.peer, metadata, time_left)
        self._task = loop.create_task(self._run(context, body))
        self._handling = loop.create_task(self._handle(context))

    async def _handle(self, context):
        await self._settle(*await self._outcome(context))

    async def _outcome(self, context):
        """Returns the kind and body of the terminal."""
        try:
            value = await self._task
            if self.state == "cancelled":
                raise CallError(self._reason, processed="yes")
            head = wire.fields(wire.metadata_field(context.answer_metadata))
            empty = self.shape in RECEIVES
            return wire.RESULT, head + (b"" if empty else values.encode(value))
        except asyncio.CancelledError:
            settled = self._reason in ("cancelled", "deadline")
            error = CallError(self._reason, processed="yes" if settled else "maybe")
            return wire.ERROR, wire.encode_error(error)
        except CallError as error:
            return wire.ERROR, wire.encode_error(error)
        except Exception as error:  # an undeclared failure: send only an id
            incident = str(uuid.uuid4())
            self.peer.incidents[incident] = error
            failure = CallError(
                "internal", "failed", processed="yes", incident=incident
            )
            return wire.ERROR, wire.encode_error(failure)

    async def _run(self, context, body):
        try:
            value = values.decode(body) if body or self.shape not in SENDS else None
        except Malformed as error:
            raise CallError("malformed", str(error), processed="no") from error
        if self.shape in SENDS:
            context.opening = value
            context.items = self._items()
            value = context.items
        if self.shape not in RECEIVES:
            return await self.handler(context, value)
        async for item in self.handler(context, value):
            body = wire.fields() + values.encode(item)
            await self.peer.sender.item(
                self.id, body, self.account, lambda: self.state in ("open", "ended")
            )
        return None

    async def _items(self):
        async for body in self.window:
            try:
                yield values.decode(body)
            except Malformed as error:
                raise CallError("malformed", str(error)) from error

    async def _settle(self, kind, body):
        self.state = "done"
        if self._timer is not None:
            self._timer.cancel()
        if self.window is not None:
            self.window.drop()
        if not self._answered:
            await self.peer.sender.terminal(kind, self.id, body)
        self.peer.settled(self)

    # ── receiving ────────────────────────────────────────────────────────

    def cancel(self, reason):
        """Cancels the handler; the terminal must still be sent."""
        if self.state not in ("open", "ended"):
            return
        self.state, self._reason = "cancelled", reason
        if self.window is not None:
            self.window.drop(CallError(reason))
        self._task.cancel()

    def receive_item(self, body, flags):
        """Receives an ITEM, or a part of one; returns whether it keeps the charge."""
        if self.state == "ended":
            self.broken()
        if self.state != "open":
            return False
        fault = self.window.receive(body, flags)
        if fault is not None:
            self.broken()
        return True

    def receive_credit(self, total):
        """Receives a CREDIT; returns False if the grant is invalid."""
        if self.state not in ("open", "ended") or self.shape not in RECEIVES:
            return True
        return self.account.raise_to(total)

    def receive_end(self):
        """Receives END."""
        if self.state in ("cancelled", "done"):
            return
        if self.state == "ended" or self.window.incomplete is not None:
            return self.broken()
        self.state = "ended"
        self.window.end()

    def broken(self):
        """Ends this call because its caller broke a rule; other calls continue."""
        self._end_now("malformed", "the call broke a rule")

    def _overloaded(self):
        text = "its items were not read while others needed their space"
        self._end_now("overloaded", text, retry="later")

    def _end_now(self, code, text, **details):
        """Sends the terminal without waiting until the handler has settled."""
        if self.state not in ("open", "ended"):
            return
        self.cancel(code)
        self._answered = True
        error = CallError(code, text, processed="maybe", **details)
        self.peer.write(wire.ERROR, self.id, wire.encode_error(error))
