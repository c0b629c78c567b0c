"""A peer for the Lengthwise wire format, version 1, written from PROTOCOL.md alone.

It validates that document and can be read along with it: a small asyncio
implementation for Python 3.9 and later. It requires python3-msgpack.
"""

from .errors import CallError, SessionError
from .once import Caller, Store
from .peer import Peer, connect
from .resuming import Ticket
from .server import Server, serve
from .values import UNDEFINED
from .wire import Limits, Method

__all__ = [
    "CallError",
    "Caller",
    "Limits",
    "Method",
    "Peer",
    "Server",
    "SessionError",
    "Store",
    "Ticket",
    "UNDEFINED",
    "connect",
    "serve",
]
