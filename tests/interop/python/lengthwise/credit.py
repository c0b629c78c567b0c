"""The accounts of both directions (PROTOCOL.md, section 11)."""

import asyncio
import struct

from .wire import FRAME_CHARGE, MAX_CREDIT, MAX_TOTAL


def charge_of(body):
    """Returns the charge of a frame with this body."""
    return len(body) + FRAME_CHARGE


def read_total(body):
    """Decodes a WINDOW or CREDIT; returns None if it is invalid."""
    total = int.from_bytes(body, "big")
    return total if len(body) == 8 and total < MAX_TOTAL else None


class Changes:
    """Lets tasks wait for a condition; they check it after each change."""

    def __init__(self):
        self._waiting = []

    def notify(self):
        """Wakes the tasks, first come, first served."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def until(self, ready):
        """Waits until `ready()` is true; does not suspend if it is."""
        while not ready():
            change = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change


class SendAccount:
    """What this end may send."""

    def __init__(self, total):
        self.total = total
        self.charges = 0

    @property
    def available(self):
        """The credit left; below 0 by at most one frame."""
        return self.total - self.charges

    def charge(self, amount):
        """Charges a frame of this end."""
        self.charges += amount

    def raise_to(self, total):
        """Applies a grant; returns False if it is invalid."""
        self.total = max(self.total, total)
        return self.available <= MAX_CREDIT


class ReceiveAccount:
    """What the peer may send.

    `share`: the credit that is owed is granted once it is this share of the window.
    `write`: sends a total.
    """

    def __init__(self, window, share, write):
        self.window = self.total = window
        self.charges = 0
        self.owed = 0
        self.lent = 0
        self._share = share
        self._write = write

    @property
    def available(self):
        """The credit that the peer has left."""
        return self.total - self.charges

    def charge(self, amount):
        """Charges a frame of the peer; returns False if it had no credit."""
        allowed = self.available > 0
        self.charges += amount
        return allowed

    def give_back(self, amount):
        """Returns a charge, which first repays what was lent."""
        repaid = min(self.lent, amount)
        self.lent -= repaid
        self.owed += amount - repaid
        if self.owed >= self.window * self._share:
            self.grant()

    def grant(self):
        """Grants what is owed."""
        if self.owed > 0:
            self._raise(self.owed)
            self.owed = 0

    def lend(self, amount):
        """Grants credit that the next returned charges repay."""
        self.lent += amount
        self._raise(amount)

    def _raise(self, amount):
        self.total += amount
        self._write(struct.pack(">Q", self.total))
