"""Sessions that outlive their connections (PROTOCOL.md, section 18)."""

import asyncio
import hashlib
import os
import struct
from collections import deque
from dataclasses import dataclass

from . import wire
from .errors import Malformed, SessionError

FEATURE = 0x01
UNCOUNTED = (wire.HELLO, wire.GOAWAY, wire.PING, wire.PONG, wire.ACK)
FINAL = ("unauthenticated", "version", "codec", "protocol")  # no further attempt
ACK_BYTES, ACK_TIME = 65_536, 1.0
UNKNOWN, EXPIRED, NOT_KEPT, OTHER_PRINCIPAL = range(4)


class Positions:
    """The frames of both directions, over all connections of a session."""

    def __init__(self):
        self.sent = 0
        self.received = 0
        self._kept = deque()

    @property
    def first_kept(self):
        """The position of the oldest frame that is kept; else of the next one."""
        return self.sent - len(self._kept) + 1

    def keep(self, frame):
        """Counts a frame of this end, and keeps it."""
        self.sent += 1
        self._kept.append(frame)

    def acknowledge(self, position):
        """Drops frames that have been read; returns False if they were not sent."""
        if position > self.sent:
            return False
        while self.first_kept <= position:
            self._kept.popleft()
        return True

    def unread(self):
        """Returns the frames to be sent again."""
        return list(self._kept)

    def fits(self, ticket):
        """Whether both ends still keep the frames that the other lacks."""
        possible = self.first_kept - 1 <= ticket.received <= self.sent
        return possible and ticket.first_kept <= self.received + 1


class Acknowledgements:
    """Acknowledges frames after 64 KiB of them, and after 1 s."""

    def __init__(self, acknowledge):
        self._acknowledge = acknowledge
        self._bytes = 0
        self._timer = None

    def note(self, size):
        """Notes that a frame has been read."""
        self._bytes += size
        if self._bytes >= ACK_BYTES:
            self.send()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(ACK_TIME, self.send)

    def send(self):
        """Acknowledges all frames now."""
        self.stop()
        self._acknowledge()

    def stop(self):
        """Forgets what has not been acknowledged."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._bytes = None, 0


# ── entries of HELLO ──────────────────────────────────────────────────────


@dataclass(frozen=True)
class Ticket:
    """The contents of RESUME, or, without a secret, of RESUMED."""

    generation: int
    received: int
    first_kept: int
    secret: bytes = b""

    def entry(self):
        """Encodes the entry."""
        numbers = (self.generation, self.received, self.first_kept)
        return struct.pack(">IQQ", *numbers) + self.secret


def read_ticket(value, secret=False):
    """Decodes RESUME (with a secret) or RESUMED; returns None if it is absent."""
    if value is None:
        return None
    least, most = (16, 64) if secret else (0, 0)
    if not least <= len(value) - 20 <= most:
        raise Malformed("RESUME or RESUMED has a wrong length")
    ticket = Ticket(*struct.unpack_from(">IQQ", value), bytes(value[20:]))
    if max(ticket.received, ticket.first_kept) >= 2**53:
        raise Malformed("a position is out of range")
    return ticket


def read_token(value):
    """Decodes TOKEN: the grace in seconds, and the secret."""
    if value is None:
        return None
    if not 16 <= len(value) - 4 <= 64:
        raise Malformed("TOKEN has a wrong length")
    return int.from_bytes(value[:4], "big") / 1000, bytes(value[4:])


def read_refusal(value):
    """Decodes RESUME_REFUSED: the reason, and a position or None."""
    if value is None:
        return None
    if len(value) not in (1, 9):
        raise Malformed("RESUME_REFUSED has a wrong length")
    received = int.from_bytes(value[1:], "big") if len(value) == 9 else None
    return value[0], received


def encode_refusal(reason, received=None):
    """Encodes RESUME_REFUSED."""
    number = b"" if received is None else received.to_bytes(8, "big")
    return bytes([reason]) + number


# ── server ────────────────────────────────────────────────────────────────


class Sessions:
    """The sessions of a server, by the hashes of their tokens."""

    def __init__(self, grace):
        self.grace = grace  # seconds
        self.instance = os.urandom(16)
        self._peers = {}

    def issue(self, peer):
        """Returns TOKEN with a new secret for a session."""
        secret = os.urandom(32)
        digest = hashlib.sha256(secret).digest()
        self._peers[digest] = peer
        peer.tokens.append(digest)
        return struct.pack(">I", int(self.grace * 1000)) + secret

    def withdraw(self, peer):
        """Makes all tokens of a session but the newest invalid."""
        for digest in peer.tokens[:-1]:
            self._peers.pop(digest, None)
        del peer.tokens[:-1]

    def keep_used(self, peer, ticket):
        """Makes all tokens of a session but one invalid: it may be used again."""
        used = hashlib.sha256(ticket.secret).digest()
        for digest in peer.tokens:
            if digest != used:
                self._peers.pop(digest, None)
        peer.tokens[:] = [used]

    def forget(self):
        """Forgets all sessions, as a server that was restarted."""
        self._peers.clear()

    def find(self, ticket, principal, protocol_hash):
        """Returns the session to resume, or None and why it is not resumed."""
        peer = self._peers.get(hashlib.sha256(ticket.secret).digest())
        if peer is None or ticket.generation <= peer.generation:
            return None, encode_refusal(UNKNOWN)
        received = peer.positions.received
        if principal != peer.principal:  # learns nothing about the session
            return None, encode_refusal(OTHER_PRINCIPAL)
        if peer.over or peer.closed is not None:
            return None, encode_refusal(EXPIRED, received)
        fits = peer.positions.fits(ticket)
        if not fits or protocol_hash != peer.hello.protocol_hash:
            peer._finish(SessionError("disconnected"))
            return None, encode_refusal(NOT_KEPT, received)
        return peer, None
