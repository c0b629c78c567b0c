"""Calls that this end makes (PROTOCOL.md, sections 8, 9 and 12)."""

import asyncio

from . import values, wire
from .credit import SendAccount
from .errors import CallError, Malformed, code_of
from .items import ReceiveWindow
from .reassembly import Reassembly

SENDS = ("clientStream", "duplex")
RECEIVES = ("serverStream", "duplex")


class Call:
    """A call in flight. Await `result`, iterate over items, send items."""

    def __init__(self, peer, method):
        self.peer = peer
        self.method = method
        self.id = 0
        self.state = "queued"
        self.metadata = {}
        self.result = asyncio.get_running_loop().create_future()
        self.result.add_done_callback(lambda it: it.cancelled() or it.exception())
        self.account = None
        self.window = None
        self.reply = None
        self.reply_kind = 0
        self.sent_whole = False
        self.position = 0  # of the last frame of the REQUEST
        self.failure = None
        self._timer = None
        self._sending = asyncio.Lock()

    def started(self, id):
        """Assigns the id, just before the REQUEST is written."""
        self.id = id
        shape = self.method.shape
        self.state = "open" if shape in SENDS else "ended"
        if shape in SENDS:
            self.account = SendAccount(self.peer.remote.stream_window)
        if shape in RECEIVES:
            self.window = ReceiveWindow(self.peer, id, self._overloaded)

    def limit(self, seconds):
        """Abandons the call after `seconds`."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(
            seconds, lambda: self.give_up("deadline", "the time ran out", 1)
        )

    # ── items ─────────────────────────────────────────────────────────────

    async def send(self, item):
        """Sends an item when there is credit."""
        async with self._sending:
            if self.state != "open":
                raise CallError("cancelled", "the call accepts no more items")
            body = wire.fields() + values.encode(item)
            try:
                sent = await self.peer.sender.item(
                    self.id, body, self.account, lambda: self.state == "open"
                )
            except asyncio.CancelledError:  # part of the item may have been sent
                self.cancel()
                raise
            if not sent:
                raise self.failure or CallError("cancelled", "the call has ended")

    async def end(self):
        """Sends END."""
        async with self._sending:
            if self.state == "open":
                self.peer.write(wire.END, self.id)
                self.state = "ended"

    def __aiter__(self):
        return self

    async def __anext__(self):
        return values.decode(await self.window.__anext__())

    # ── ends ──────────────────────────────────────────────────────────────

    def cancel(self):
        """Cancels the call."""
        self.give_up("cancelled", "the caller cancelled")

    def give_up(self, code, text, reason=0, **details):
        """Fails the call immediately; it is in flight until its terminal arrives."""
        queued = self.state == "queued"
        processed = "maybe" if self.sent_whole else "no"
        failure = CallError(code, text, processed=processed, **details)
        if self.window is not None:
            self.window.drop(failure)
        if self.state not in ("open", "ended", "queued"):
            return
        self.state = "done" if queued else "cancelled"
        if not queued:
            self.peer.write(wire.CANCEL, self.id, bytes([reason]))
        self.settle(failure)

    def _overloaded(self):
        text = "its items were not read while others needed their space"
        self.give_up("overloaded", text, retry="later")

    def settle(self, failure, value=None):
        """Settles the call for the application."""
        self.failure = failure
        if self._timer is not None:
            self._timer.cancel()
        if self.reply is not None:
            self.reply.drop()
        if self.window is not None:
            self.window.end(failure)
        self.peer.sender.changes.notify()
        if self.result.done():
            return
        if failure is None:
            self.result.set_result(value)
        else:
            self.result.set_exception(failure)

    # ── receiving ────────────────────────────────────────────────────────

    def receive_item(self, body, flags):
        """Receives an ITEM, or a part of one; returns whether it keeps the charge."""
        if self.window is None or not self.sent_whole or self.reply is not None:
            self.give_up("malformed", "an item is not allowed here")
        if self.state not in ("open", "ended"):
            return False
        fault = self.window.receive(body, flags)
        if fault is not None:
            self.give_up("malformed", f"an item is {fault}")
        return True

    def receive_credit(self, total):
        """Receives a CREDIT; returns False if the grant is invalid."""
        if not self.sent_whole:
            self.give_up("malformed", "a CREDIT came before the REQUEST was complete")
        if self.account is None or self.state != "open":
            return True
        return self.account.raise_to(total)

    def receive_terminal(self, kind, body, more):
        """Receives a RESULT or ERROR, or a part; returns whether the call is over."""
        if self.state == "cancelled":
            return not more
        if kind == wire.RESULT and not self.sent_whole:
            return self._broken_reply("malformed", more)
        if more or self.reply is not None:
            if self.reply is None:
                late = lambda: self.give_up("malformed", "the reply took too long")
                self.reply = Reassembly(
                    self.peer.limits, self.peer.unfinished, late
                )
                self.reply_kind = kind
            mixed = kind != self.reply_kind
            fault = "malformed" if mixed else self.reply.add(body)
            if fault is not None:
                return self._broken_reply(fault, more)
            if more:
                return False
            body = self.reply.whole()
        try:
            self._end(kind, body)
        except Malformed as error:
            self.settle(CallError(code_of(error), str(error)))
        self.state = "done"
        return True

    def _broken_reply(self, code, more):
        """Fails the call; the frame is its terminal unless more frames follow."""
        text = "the reply breaks a rule or exceeds a limit"
        if more:
            self.give_up(code, text)
            return False
        self.settle(CallError(code, text, processed="maybe"))
        self.state = "done"
        return True

    def _end(self, kind, body):
        if kind == wire.ERROR:
            return self.settle(wire.decode_error(body))
        if self.window is not None and self.window.incomplete is not None:
            raise Malformed("a RESULT came in the middle of an item")
        block, value = wire.split_fields(body)
        self.metadata = wire.read_metadata(block.get(wire.METADATA, b""))
        empty = self.method.shape in RECEIVES
        self.settle(None, None if empty else values.decode(value))
