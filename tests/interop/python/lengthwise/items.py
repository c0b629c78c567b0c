"""Received items (PROTOCOL.md, section 11, from "Large items" on)."""

import asyncio
from collections import deque
from dataclasses import dataclass

from . import wire
from .credit import ReceiveAccount, charge_of
from .errors import Malformed
from .reassembly import Reassembly


class Items:
    """Account 2, and the budget for items, which all streams share."""

    def __init__(self, peer):
        self.peer = peer
        self.account = ReceiveAccount(
            peer.limits.items_window, 1 / 4,
            lambda total: peer.write(wire.WINDOW, wire.ITEMS, total),
        )
        self.streams = []
        self.reserve = None  # the stream whose awaited item uses the reserve
        self.claimed = 0  # outside the reserve, without loans
        self._room = max(0, peer.limits.item_budget - peer.limits.max_message)
        self._timer = None

    @property
    def room(self):
        """The bytes of the budget that are free outside the reserve."""
        return self._room - self.claimed - self.account.lent

    def advance(self, streams=None):
        """Pays for the parts of next items, of awaited ones first."""
        streams = self.streams if streams is None else streams
        for stream in sorted(streams, key=lambda one: not one.awaited):
            amount = stream.unpaid
            if amount == 0:
                continue
            if amount <= self.room:
                self.claimed += amount
                stream.pay(amount)
            elif stream.awaited and self.reserve in (None, stream):
                self.reserve = stream
                stream.pay(0)

    def give_back(self, amount):
        """Returns a charge to account 2."""
        self.account.give_back(amount)
        self.relieve()

    def release(self, stream, claimed):
        """Ends the claims of an item that was taken or dropped."""
        self.claimed -= claimed
        if self.reserve is stream:
            self.reserve = None
        self.advance()
        self.relieve()

    @property
    def _starved(self):
        few = self.account.available * 4 <= self.account.window
        return few and not self.peer.over and any(stream.awaited for stream in self.streams)

    def relieve(self):
        """Helps the streams that are read if unread items use up account 2."""
        account = self.account
        if self._starved:
            account.grant()
        if self._starved and self.room > 0:
            account.lend(min(account.window // 2 - account.available, self.room))
        if not self._starved:
            return
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(
                self.peer.limits.unread_timeout, self._end_unread
            )
        if self.reserve is not None and account.available <= 0:
            account.lend(1 - account.available)  # for one frame, whatever its size

    def _end_unread(self):
        """Ends the stream that was unread longest, as the last resort."""
        self._timer = None
        unread = [one for one in self.streams if one.unread_since is not None]
        if not self._starved or not unread:
            return
        loop = asyncio.get_running_loop()
        longest = min(unread, key=lambda one: one.unread_since)
        due = longest.unread_since + self.peer.limits.unread_timeout
        if loop.time() < due:
            self._timer = loop.call_at(due, self._end_unread)
        else:
            longest.overloaded()
            self.relieve()

    def close(self):
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()


@dataclass
class Item:
    """An item that arrives, or waits to be taken."""

    body: bytes = b""
    kept: int = 0  # charges that were not returned yet
    claimed: int = 0  # bytes of the budget


class ReceiveWindow:
    """The items of one call: those that have arrived, and credit for more.

    `overloaded`: ends the call, because its unread items keep others waiting.
    """

    def __init__(self, peer, id, overloaded):
        self.overloaded = overloaded
        self.incomplete = None  # Reassembly of an item
        self.ended = False
        self.unread_since = None
        self._peer = peer
        self._items = peer.items
        self._account = ReceiveAccount(
            peer.limits.stream_window, 1 / 2,
            lambda total: peer.write(wire.CREDIT, id, total),
        )
        self._waiting = deque()
        self._arriving = Item()
        self._failure = None
        self._reader = None
        self._items.streams.append(self)

    @property
    def awaited(self):
        """Whether the application waits for an item."""
        return self._reader is not None and not self._waiting

    @property
    def unpaid(self):
        """Charges of the parts of the next item, if it is incomplete."""
        return 0 if self._waiting else self._arriving.kept

    def receive(self, body, flags):
        """Receives a frame that has been charged to account 2.

        Returns its fault, or None. Returns a charge that it does not keep.
        """
        amount = charge_of(body)
        if not self._account.charge(amount):
            self._peer.fail("flow-control", "an item without credit")
            return None
        fault = self._receive(body, flags, amount)
        if fault is not None:
            self._items.give_back(amount)
        return fault

    def _receive(self, body, flags, amount):
        more = bool(flags & wire.MORE)
        if flags & wire.NO_VALUE:
            return self._skip(body, amount, more)
        if more or self.incomplete is not None:
            if self.incomplete is None:
                self.incomplete = Reassembly(self._peer.limits)
            fault = self.incomplete.add(body)
            if fault is not None:
                return fault
        self._arriving.kept += amount
        if not more:
            if self.incomplete is not None:
                body, self.incomplete = self.incomplete.whole(), None
            try:
                _, self._arriving.body = wire.split_fields(body)
            except Malformed as error:
                self._arriving.kept -= amount
                return str(error)
            self._waiting.append(self._arriving)
            self._arriving = Item()
            self._wake()
        elif self.unpaid:
            self._items.advance([self])
        self._note_unread()
        self._items.relieve()
        return None

    def _skip(self, body, amount, more):
        """Skips an ITEM without a value: no feature that uses it is supported."""
        if more or self.incomplete is not None:
            return "an ITEM without a value and in several frames"
        try:
            wire.split_fields(body)
        except Malformed as error:
            return str(error)
        self._return(amount)
        return None

    def pay(self, claimed):
        """Returns the charges of the parts of the next item, in advance."""
        amount, self._arriving.kept = self._arriving.kept, 0
        self._arriving.claimed += claimed
        self._return(amount)

    def _return(self, amount):
        if not self.ended:
            self._account.give_back(amount)
        self._items.give_back(amount)

    def end(self, failure=None):
        """Ends the stream; items that have arrived can still be taken."""
        if not self.ended:
            self.ended = True
            self._failure = failure
            self._drop_arriving()
            self._forget()
            self._wake()

    def drop(self, failure=None):
        """Ends the stream, and drops the items that nobody will take."""
        self.end(failure)
        if self._waiting:  # the reader must not take the rest for the whole
            self._failure = self._failure or failure
        while self._waiting:
            self._done(self._waiting.popleft())

    def _drop_arriving(self):
        if self.incomplete is not None:
            self.incomplete.drop()
            self.incomplete = None
        arriving, self._arriving = self._arriving, Item()
        self._done(arriving)

    def _done(self, item):
        """Returns what an item keeps, after it was taken or dropped."""
        self._return(item.kept)
        self._note_unread(read=True)
        self._forget()
        self._items.release(self, item.claimed)

    def _forget(self):
        if self.ended and not self._waiting and self in self._items.streams:
            self._items.streams.remove(self)

    def _note_unread(self, read=False):
        unread = self._waiting or self._arriving.kept or self._arriving.claimed
        if not unread or self._reader is not None:
            self.unread_since = None
        elif read or self.unread_since is None:
            self.unread_since = asyncio.get_running_loop().time()

    def _wake(self):
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self._waiting:
            if self._failure is not None:
                raise self._failure
            if self.ended:
                raise StopAsyncIteration
            self._reader = asyncio.get_running_loop().create_future()
            self._note_unread()
            self._items.advance([self])
            self._items.relieve()
            try:
                await self._reader
            finally:
                self._reader = None
                self._note_unread()
        item = self._waiting.popleft()
        self._done(item)
        return item.body
