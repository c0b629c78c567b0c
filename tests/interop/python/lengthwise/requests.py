"""Receiving REQUEST and NOTIFY (PROTOCOL.md, sections 2, 9, 10 and 11)."""

import asyncio
import struct

from . import values, wire
from .credit import Reassembly, charge_of
from .errors import CallError, Malformed, code_of
from .incoming import Context, Incoming


class Requests:
    """Reads requests; checks ids, contiguous parts and credit."""

    def __init__(self, peer, parity):
        self.peer = peer
        self.parity = parity
        self.calls = {}
        self.last_id = 0  # seen
        self.last_allowed = wire.UNSETTLED
        self._tasks = set()
        self._credit = peer.limits.connection_window
        self._owed = 0
        self._partial = None  # (kind, id, reassembly); no reassembly once abandoned

    def receive(self, kind, id, body, more):
        """Receives a frame."""
        if self._credit <= 0:
            return self.peer.fail("flow-control", "a request without credit")
        amount = charge_of(body)
        self._credit -= amount
        if not self._in_order(kind, id):
            return
        if more or self._partial is not None:
            self._part(kind, id, body, more)
        else:
            self._whole(kind, id, body)
        self._return(amount)

    def _in_order(self, kind, id):
        if self._partial is not None:
            if self._partial[:2] == (kind, id):
                return True
            if self._partial[2] is not None:
                self.peer.fail("protocol", "another message is incomplete")
                return False
            self._partial = None
        if kind == wire.NOTIFY:
            if id != 0:
                self.peer.fail("protocol", "a notification has an id")
            return id == 0
        if id % 2 != self.parity or id <= self.last_id:
            self.peer.fail("protocol", f"id {id} does not rise")
            return False
        self.last_id = id
        return True

    def _part(self, kind, id, body, more):
        if self._partial is None:
            reassembly = Reassembly(self.peer.assembling, self.peer.limits)
            self._partial = (kind, id, reassembly)
        reassembly = self._partial[2]
        if reassembly is not None:
            fault = reassembly.add(body)
            if fault is not None:
                retry = "later" if fault == "overloaded" else "never"
                self._abandon(fault, retry)
        if more:
            return
        whole = self._partial[2]
        self._partial = None
        if whole is not None:
            self._whole(kind, id, whole.whole())

    def _return(self, amount):
        self._owed += amount
        if self._owed * 4 < self.peer.limits.connection_window:
            return
        self._credit += self._owed
        self.peer.write(wire.WINDOW, 0, struct.pack(">I", self._owed))
        self._owed = 0

    def _whole(self, kind, id, body):
        if len(body) < 2:
            return self.peer.fail("protocol", "a request without a method")
        if kind == wire.REQUEST and id > self.last_allowed:
            return None  # our GOAWAY has reported that it was not processed
        number = int.from_bytes(body[:2], "big")
        method, handler = self.peer.served(number)
        is_notification = method is not None and method.shape == "notification"
        if method is None or is_notification != (kind == wire.NOTIFY):
            return self._refuse(kind, id, "unimplemented")
        try:
            block, value = wire.split_fields(body, 2)
            if kind == wire.NOTIFY:
                return self._notified(handler, block, value)
            if len(self.calls) >= self.peer.limits.max_calls:
                return self._refuse(kind, id, "overloaded", "later")
            call = Incoming(self.peer, id, method, handler)
            call.begin(block, value)
        except Malformed as error:
            return self._refuse(kind, id, code_of(error))
        self.calls[id] = call

    def _notified(self, handler, block, value):
        metadata = wire.read_metadata(block.get(wire.METADATA, b""))
        context = Context(self.peer, metadata, None)
        task = asyncio.ensure_future(handler(context, values.decode(value)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _refuse(self, kind, id, code, retry="never"):
        if kind == wire.NOTIFY:
            return
        if id > self.last_allowed:
            return
        error = CallError(code, processed="no", retry=retry)
        self.peer.write(wire.ERROR, id, wire.encode_error(error))

    def cancel(self, id, body):
        """Receives CANCEL, also for an incomplete request."""
        reason = "deadline" if body[:1] == b"\1" else "cancelled"
        if self._holds(id):
            self._abandon(reason)
        elif id in self.calls:
            self.calls[id].cancel(reason)

    def find(self, id):
        """Returns the call for a later frame; None if the call is over.

        A frame between the frames of its own REQUEST breaks the call.
        """
        if self._holds(id):
            self._abandon("malformed")
        return self.calls.get(id)

    @property
    def last_begun(self):
        """The highest id of a call that has begun to arrive and may run."""
        return min(self.last_id, self.last_allowed)

    @property
    def incomplete(self):
        """Whether more frames of a REQUEST are expected."""
        return self._partial is not None and self._holds(self._partial[1])

    def refuse_incomplete(self, code, retry):
        """Refuses the incomplete REQUEST."""
        if self.incomplete:
            self._abandon(code, retry)

    def _holds(self, id):
        return (
            self._partial is not None
            and self._partial[:2] == (wire.REQUEST, id)
            and self._partial[2] is not None
        )

    def _abandon(self, code, retry="never"):
        """Refuses the incomplete message; its other frames will be dropped."""
        kind, id, reassembly = self._partial
        reassembly.drop()
        self._partial = (kind, id, None)
        self._refuse(kind, id, code, retry)
