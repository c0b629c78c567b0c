"""Credit, and the messages charged to it (PROTOCOL.md, sections 10 and 11)."""

import asyncio
from collections import deque

from .errors import CallError
from .wire import FRAME_CHARGE, MAX_CREDIT


def charge_of(body):
    """Returns the charge of a frame with this body."""
    return len(body) + FRAME_CHARGE


class Account:
    """The sender's account: the credit left."""

    def __init__(self, balance):
        self.balance = balance
        self.failure = None
        self._changed = asyncio.Event()

    def grant(self, amount):
        """Adds credit; returns False if the grant is invalid."""
        if amount < 1 or self.balance + amount > MAX_CREDIT:
            return False
        self.adjust(amount)
        return True

    def adjust(self, amount):
        """Adds the difference between the peer's HELLO and the initial credit."""
        self.balance += amount
        self._changed.set()

    def fail(self, error):
        """Ends the account: nothing more may be sent."""
        self.failure = self.failure or error
        self._changed.set()

    async def spend(self, amount):
        """Waits for credit above 0, then spends, possibly below 0."""
        while self.balance <= 0 and self.failure is None:
            self._changed.clear()
            await self._changed.wait()
        if self.failure is not None:
            raise self.failure
        self.balance -= amount


class Reassembly:
    """A message of which more frames must arrive."""

    def __init__(self, budget, limits):
        self._budget = budget
        self._limits = limits
        self._parts = []
        self.size = 0

    def add(self, part):
        """Adds a part, or returns the code with which the message is abandoned."""
        limits = self._limits
        self._parts.append(bytes(part))
        self.size += len(part)
        self._budget[0] += len(part)
        if self.size > limits.max_message + 9 * 1024:
            return "too-large"
        if len(self._parts) > limits.max_fragments:
            return "too-large"
        if self._budget[0] > limits.max_assembly:
            return "overloaded"
        return None

    def drop(self):
        """Releases the memory."""
        self._budget[0] -= self.size
        self.size, self._parts = 0, []

    def whole(self):
        """Returns the complete body."""
        body = b"".join(self._parts)
        self.drop()
        return body


class ReceiveWindow:
    """Items that have arrived, and credit for more."""

    def __init__(self, window, grant):
        self.size = self.available = window
        self.partial = None
        self.ended = False
        self._grant = grant
        self._owed = 0
        self._unpaid = 0  # charges of the parts of an unfinished item
        self._items = deque()
        self._failure = None
        self._waiter = None

    def charge(self, amount):
        """Charges a frame; returns False if there was no credit."""
        allowed = self.available > 0
        self.available -= amount
        return allowed

    def part(self, amount):
        """Records a part of an item."""
        self._unpaid += amount
        if self._waiter is not None:
            self._pay_for_parts()

    def put(self, body, amount):
        """Adds a complete item; `amount` is the charge of its last frame."""
        self._items.append((body, amount + self._unpaid))
        self._unpaid = 0
        self._wake()

    def end(self, failure=None):
        """Ends the stream; items that have arrived can still be taken."""
        if self.ended:
            return
        self.ended = True
        self._failure = failure
        if self.partial is not None:
            self.partial.drop()
        self._wake()

    def _wake(self):
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _pay_for_parts(self):
        # The application waits: the charge of each part is returned as it arrives.
        self._return(self._unpaid)
        self._unpaid = 0

    def _return(self, amount):
        self._owed += amount
        if self.ended or self._owed == 0 or self._owed * 2 < self.size:
            return
        self.available += self._owed
        self._grant(self._owed)
        self._owed = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        while not self._items:
            if self._failure is not None:
                raise self._failure
            if self.ended:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            self._pay_for_parts()
            try:
                await self._waiter
            finally:
                self._waiter = None
        body, amount = self._items.popleft()
        self._return(amount)
        return body


GONE = CallError("disconnected", "the connection has ended", processed="maybe")
