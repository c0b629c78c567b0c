"""Messages in frames, each sent when limits and credit allow (sections 10 and 11)."""

import asyncio

from . import wire
from .credit import Changes, SendAccount, charge_of


class Sender:
    """Writes the messages of one end. Those of several tasks alternate."""

    def __init__(self, peer):
        self.peer = peer
        self.changes = Changes()
        early = wire.EARLY
        self.accounts = {
            wire.REQUESTS: SendAccount(early.connection_window),
            wire.NOTIFICATIONS: SendAccount(early.notify_window),
            wire.ITEMS: SendAccount(early.items_window),
        }
        self._unfinished = 0  # bytes of messages that have begun, but items
        self._notifying = asyncio.Lock()
        self._draining = asyncio.Lock()

    def opened(self, limits):
        """Replaces the initial totals by those of the peer's HELLO."""
        self.accounts[wire.REQUESTS].total = limits.connection_window
        self.accounts[wire.NOTIFICATIONS].total = limits.notify_window
        self.accounts[wire.ITEMS].total = limits.items_window
        self.changes.notify()

    async def request(self, size, begin, needed):
        """Sends a REQUEST of `size` bytes when it has a place and credit.

        `begin`: returns its id and body, just before the first frame.
        """
        peer = self.peer

        def may_begin():
            return len(peer.outgoing) < peer.remote.max_calls

        accounts = [self.accounts[wire.REQUESTS]]
        return await self._send(
            wire.REQUEST, size, begin, accounts, needed, may_begin
        )

    async def notify(self, body):
        """Sends a NOTIFY; only one is sent at a time, since all have id 0."""
        async with self._notifying:
            accounts = [self.accounts[wire.NOTIFICATIONS]]
            return await self._send(
                wire.NOTIFY, len(body), lambda: (0, body), accounts
            )

    async def item(self, id, body, account, needed):
        """Sends an ITEM, and leaves a quarter of account 2 to those begun."""
        shared = self.accounts[wire.ITEMS]

        def may_begin():
            return shared.available * 4 > self.peer.remote.items_window

        accounts = [account, shared]
        return await self._send(
            wire.ITEM, len(body), lambda: (id, body), accounts, needed, may_begin
        )

    async def terminal(self, kind, id, body):
        """Sends a RESULT or ERROR."""
        return await self._send(kind, len(body), lambda: (id, body), [])

    async def _send(self, kind, size, begin, accounts, needed=lambda: True,
                    may_begin=lambda: True):
        """Sends a message while it is needed; returns whether it was sent whole."""
        peer = self.peer
        most = peer.remote.max_frame_body
        counted = size if size > most and kind != wire.ITEM else 0

        def stops():
            return peer.over or not needed()

        def has_credit():
            return all(account.available > 0 for account in accounts)

        await self._drain()
        await self.changes.until(
            lambda: stops()
            or may_begin() and has_credit() and self._has_room(counted)
        )
        if stops():
            return False
        id, body = begin()
        self._unfinished += counted
        try:
            for part, more in wire.pieces(body, most):
                await self.changes.until(lambda: stops() or has_credit())
                if stops():
                    return False
                for account in accounts:
                    account.charge(charge_of(part))
                peer.write(kind, id, part, wire.MORE if more else 0)
                if more:
                    await self._drain()
                    await asyncio.sleep(0)  # other messages alternate
        finally:
            self._unfinished -= counted
            self.changes.notify()
        return True

    def _has_room(self, counted):
        """Whether a message in several frames may begin; others count 0 bytes."""
        together = self._unfinished + counted
        return (
            counted == 0
            or self._unfinished == 0
            or together <= self.peer.remote.max_assembly
        )

    async def _drain(self):
        try:
            async with self._draining:
                await self.peer.flush()
        except OSError:
            pass  # the reader reports it
