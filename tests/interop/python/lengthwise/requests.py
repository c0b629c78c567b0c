"""Receiving REQUEST and NOTIFY (PROTOCOL.md, sections 2, 9, 10 and 11)."""

import asyncio

from . import values, wire
from .credit import ReceiveAccount, charge_of
from .errors import CallError, Malformed, code_of
from .incoming import Context, Incoming
from .once import OnceIncoming, read_identity
from .reassembly import Reassembly


class Requests:
    """Reads the peer's REQUESTs, several of which may be incomplete."""

    def __init__(self, peer, parity):
        self.peer = peer
        self.parity = parity
        self.calls = {}
        self.incomplete = {}  # id: Reassembly
        self.last_id = 0  # seen
        self.last_allowed = wire.UNSETTLED
        self._refused = {}  # ids of refused REQUESTs with more frames, oldest first
        self._account = ReceiveAccount(
            peer.limits.connection_window, 1 / 4,
            lambda total: peer.write(wire.WINDOW, wire.REQUESTS, total),
        )

    def receive(self, id, body, more):
        """Receives a frame of a REQUEST."""
        amount = charge_of(body)
        if not self._account.charge(amount):
            return self.peer.fail("flow-control", "a REQUEST without credit")
        self._receive(id, body, more)
        self._account.give_back(amount)

    def _receive(self, id, body, more):
        if id in self._refused:
            if not more:
                del self._refused[id]
            return
        if id in self.incomplete:
            return self._part(id, body, more)
        if id % 2 != self.parity or id <= self.last_id:
            return self.peer.fail("protocol", f"id {id} does not rise")
        self.last_id = id
        if more:
            self.incomplete[id] = Reassembly(
                self.peer.limits, self.peer.unfinished,
                lambda: self._abandon(id, "deadline"),
            )
            self._part(id, body, more)
        else:
            self._whole(id, body)

    def _part(self, id, body, more):
        fault = self.incomplete[id].add(body)
        if fault is not None:
            retry = "later" if fault == "overloaded" else "never"
            self._abandon(id, fault, retry, more)
        elif not more:
            self._whole(id, self.incomplete.pop(id).whole())

    def _whole(self, id, body):
        if len(body) < 2:
            return self.peer.fail("protocol", "a REQUEST without a method")
        if id > self.last_allowed:
            return None  # our GOAWAY has reported that it was not processed
        method, handler = self.peer.served(int.from_bytes(body[:2], "big"))
        if method is None or method.shape == "notification":
            return self._refuse(id, "unimplemented")
        if len(self.calls) >= self.peer.limits.max_calls:
            return self._refuse(id, "overloaded", "later")
        try:
            critical = (wire.ONCE,) if self.peer.once_in_use else ()
            block, value = wire.split_fields(body, 2, critical)
            identity = read_identity(block) if critical else None
            metadata = wire.read_metadata(block.get(wire.METADATA, b""))
            time_left = None
            if wire.DEADLINE in block:
                time_left = wire.u32(block[wire.DEADLINE]) / 1000
        except Malformed as error:
            return self._refuse(id, code_of(error))
        if time_left == 0:
            return self._refuse(id, "deadline")
        if identity is None:
            call = self.calls[id] = Incoming(self.peer, id, method, handler)
            return call.begin(time_left, metadata, value)
        if method.name not in self.peer.runs_once:
            return self._refuse(id, "unimplemented")
        call = self.calls[id] = OnceIncoming(self.peer, id, method, handler)
        call.begin_once(method.name, identity, time_left, metadata, value)

    def cancel(self, id, body):
        """Receives CANCEL, also for an incomplete REQUEST."""
        reason = "deadline" if body[:1] == b"\1" else "cancelled"
        if id in self.incomplete:
            self._abandon(id, reason)
        elif id in self.calls:
            self.calls[id].cancel(reason)

    def find(self, id):
        """Returns the call for a later frame; None if the call is over.

        A frame between the frames of its own REQUEST breaks the call.
        """
        if id in self.incomplete:
            self._abandon(id, "malformed")
        return self.calls.get(id)

    @property
    def last_begun(self):
        """The highest id of a call that has begun to arrive and may run."""
        return min(self.last_id, self.last_allowed)

    def refuse_incomplete(self, code, retry="never"):
        """Refuses the incomplete REQUESTs."""
        for id in list(self.incomplete):
            self._abandon(id, code, retry)

    def _abandon(self, id, code, retry="never", more=True):
        """Refuses an incomplete REQUEST; its other frames will be dropped."""
        self.incomplete.pop(id).drop()
        if more:
            self._refused[id] = True
            if len(self._refused) > self.peer.limits.max_calls:
                del self._refused[next(iter(self._refused))]
        self._refuse(id, code, retry)
        self.peer.check_drained()

    def _refuse(self, id, code, retry="never"):
        if id <= self.last_allowed:
            error = CallError(code, processed="no", retry=retry)
            self.peer.write(wire.ERROR, id, wire.encode_error(error))


class Notifications:
    """Reads the peer's NOTIFYs, of which only one is incomplete at a time."""

    def __init__(self, peer):
        self.peer = peer
        self._incomplete = None
        self._dropping = False  # until the frame without MORE
        self._handling = set()
        self._account = ReceiveAccount(
            peer.limits.notify_window, 1 / 4,
            lambda total: peer.write(wire.WINDOW, wire.NOTIFICATIONS, total),
        )

    def receive(self, id, body, more):
        """Receives a frame of a NOTIFY."""
        amount = charge_of(body)
        if not self._account.charge(amount):
            return self.peer.fail("flow-control", "a NOTIFY without credit")
        if id != 0:
            return self.peer.fail("protocol", "a NOTIFY with an id")
        self._receive(body, more)
        self._account.give_back(amount)

    def _receive(self, body, more):
        if not self._dropping and (more or self._incomplete is not None):
            if self._incomplete is None:
                self._incomplete = Reassembly(
                    self.peer.limits, self.peer.unfinished, self.drop
                )
            if self._incomplete.add(body) is not None:
                self.drop()
            elif not more:
                body, self._incomplete = self._incomplete.whole(), None
        if not more and not self._dropping:
            self._whole(body)
        self._dropping = self._dropping and more

    def drop(self):
        """Drops the incomplete NOTIFY, and its other frames when they arrive."""
        if self._incomplete is not None:
            self._incomplete.drop()
            self._incomplete, self._dropping = None, True

    def _whole(self, body):
        if len(body) < 2:
            return self.peer.fail("protocol", "a NOTIFY without a method")
        method, handler = self.peer.served(int.from_bytes(body[:2], "big"))
        full = len(self._handling) >= self.peer.limits.max_calls
        if method is None or method.shape != "notification" or full:
            return None
        try:
            block, value = wire.split_fields(body, 2)
            metadata = wire.read_metadata(block.get(wire.METADATA, b""))
            value = values.decode(value)
        except Malformed:
            return None
        context = Context(self.peer, metadata, None)
        task = asyncio.ensure_future(handler(context, value))
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)
