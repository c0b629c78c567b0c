"""A peer of the Lengthwise wire, version 1, written from lib/messages/PROTOCOL.md alone.

It is there to prove that document, and to be read beside it: small and plain,
with asyncio, for Python 3.9 and later. It needs python3-msgpack.
"""

from .errors import CallError, SessionError
from .peer import Peer, connect
from .server import Server, serve
from .values import UNDEFINED
from .wire import Limits, Method

__all__ = [
    "CallError",
    "Limits",
    "Method",
    "Peer",
    "Server",
    "SessionError",
    "UNDEFINED",
    "connect",
    "serve",
]
