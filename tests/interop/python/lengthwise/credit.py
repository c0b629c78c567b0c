"""Credit, and the messages that it pays for (PROTOCOL.md, sections 10 and 11)."""

import asyncio
from collections import deque

from .errors import CallError
from .wire import FRAME_CHARGE, MAX_CREDIT


def charge_of(body):
    """What a frame with this body costs."""
    return len(body) + FRAME_CHARGE


class Account:
    """The sender's side: what may still be sent."""

    def __init__(self, balance):
        self.balance = balance
        self.failure = None
        self._changed = asyncio.Event()

    def grant(self, amount):
        """Adds credit; False if that is no grant."""
        if amount < 1 or self.balance + amount > MAX_CREDIT:
            return False
        self.adjust(amount)
        return True

    def adjust(self, amount):
        """The peer's HELLO has come: the difference to what held before."""
        self.balance += amount
        self._changed.set()

    def fail(self, error):
        """Nothing may be sent any more."""
        self.failure = self.failure or error
        self._changed.set()

    async def spend(self, amount):
        """Waits for credit above 0 and spends, perhaps more than there is."""
        while self.balance <= 0 and self.failure is None:
            self._changed.clear()
            await self._changed.wait()
        if self.failure is not None:
            raise self.failure
        self.balance -= amount


class Assembly:
    """A message whose frames are still coming."""

    def __init__(self, budget, limits):
        self._budget = budget
        self._limits = limits
        self._parts = []
        self.size = 0

    def add(self, part):
        """Takes a part, or names the code with which the message is given up."""
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
        """Gives the memory back."""
        self._budget[0] -= self.size
        self.size, self._parts = 0, []

    def whole(self):
        """The body."""
        body = b"".join(self._parts)
        self.drop()
        return body


class Inbox:
    """The receiver's side: items that have come, and credit for more."""

    def __init__(self, window, grant):
        self.window = self.available = window
        self.partial = None
        self.ended = False
        self._grant = grant
        self._owed = 0
        self._unpaid = 0  # charges of the parts of an unfinished item
        self._items = deque()
        self._failure = None
        self._waiter = None

    def charge(self, amount):
        """Books a frame; False if it came without credit."""
        allowed = self.available > 0
        self.available -= amount
        return allowed

    def part(self, amount):
        """A part of an item has come."""
        self._unpaid += amount
        if self._waiter is not None:
            self._pay_for_parts()

    def put(self, body, amount):
        """An item is whole; `amount` is the charge of its last frame."""
        self._items.append((body, amount + self._unpaid))
        self._unpaid = 0
        self._wake()

    def end(self, failure=None):
        """No more come; what has come can still be taken."""
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
        # The application waits: each part is paid for as it comes.
        self._return(self._unpaid)
        self._unpaid = 0

    def _return(self, amount):
        self._owed += amount
        if self.ended or self._owed == 0 or self._owed * 2 < self.window:
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
