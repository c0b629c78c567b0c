"""Calls that this end makes (PROTOCOL.md, sections 8, 9 and 12)."""

import asyncio
import struct

from . import values, wire
from .credit import Account, Reassembly, ReceiveWindow, charge_of
from .errors import CallError, Malformed, code_of

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
        self._timer = None
        self._sending = asyncio.Lock()

    def started(self, id):
        """Assigns the id, just before the REQUEST is written."""
        self.id = id
        shape = self.method.shape
        self.state = "open" if shape in SENDS else "ended"
        if shape in SENDS:
            self.account = Account(self.peer.remote.stream_window)
        if shape in RECEIVES:
            self.window = ReceiveWindow(
                self.peer.limits.stream_window,
                lambda amount: self.peer.write(
                    wire.CREDIT, id, struct.pack(">I", amount)
                ),
            )

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
            await self.peer.send_message(wire.ITEM, self.id, body, self.account)

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

    def give_up(self, code, text, reason=0):
        """Fails the call immediately; it is in flight until its terminal arrives."""
        if self.state not in ("open", "ended", "queued"):
            return
        queued = self.state == "queued"
        self.state = "done" if queued else "cancelled"
        if not queued:
            self.peer.write(wire.CANCEL, self.id, bytes([reason]))
        self.settle(CallError(code, text, processed="no" if queued else "maybe"))

    def settle(self, failure, value=None):
        """Settles the call for the application."""
        if self._timer is not None:
            self._timer.cancel()
        if self.account is not None:
            self.account.fail(failure or CallError("cancelled", "it has ended"))
        if self.reply is not None:
            self.reply.drop()
        if self.window is not None:
            self.window.end(failure)
        if self.result.done():
            return
        if failure is None:
            self.result.set_result(value)
        else:
            self.result.set_exception(failure)

    # ── receiving ────────────────────────────────────────────────────────

    def receive_item(self, body, more):
        """Receives an ITEM, or a part of one."""
        if self.state == "cancelled":
            return
        if self.window is None:
            return self.give_up("malformed", "items are not allowed here")
        fault = take_item(self.peer, self.window, body, more, self.id)
        if fault is not None:
            self.give_up("malformed", f"an item is {fault}")

    def receive_terminal(self, kind, body, more):
        """Receives a RESULT or ERROR, or a part; returns whether the call is over."""
        if self.state == "cancelled":
            return not more
        if more or self.reply is not None:
            if self.reply is None:
                self.reply = Reassembly(self.peer.assembling, self.peer.limits)
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
        if self.window is not None and self.window.partial is not None:
            raise Malformed("a RESULT came in the middle of an item")
        block, value = wire.split_fields(body)
        self.metadata = wire.read_metadata(block.get(wire.METADATA, b""))
        empty = self.method.shape in RECEIVES
        self.settle(None, None if empty else values.decode(value))


def take_item(peer, window, body, more, id):
    """Charges and joins an ITEM frame, at either end; returns its fault, if any."""
    amount = charge_of(body)
    if not window.charge(amount):
        peer.fail("flow-control", f"call {id} sent an item without credit")
        return None
    if more or window.partial is not None:
        if window.partial is None:
            window.partial = Reassembly(peer.assembling, peer.limits)
        fault = window.partial.add(body)
        if fault is not None:
            return fault
        if more:
            window.part(amount)
            return None
        body, window.partial = window.partial.whole(), None
    try:
        _, value = wire.split_fields(body)
    except Malformed as error:
        return str(error)
    window.put(value, amount)
    return None
