"""Bodies in MessagePack (PROTOCOL.md, section 19)."""

import msgpack

from .errors import Malformed


class _Undefined:
    """The encoding of "no value"."""

    def __repr__(self):
        return "UNDEFINED"


UNDEFINED = _Undefined()


def _other(value):
    if value is UNDEFINED:
        return msgpack.ExtType(0, b"\0")
    raise TypeError(f"cannot encode {value!r}")


def _extension(kind, data):
    if kind == 0 and data == b"\0":
        return UNDEFINED
    raise ValueError(f"extension type {kind} is not allowed")


def encode(value):
    """Encodes a value. Integers beyond 32 bits arrive as bigint; send floats for numbers."""
    return msgpack.packb(value, default=_other, datetime=True)


def decode(body):
    """Decodes a body."""
    try:
        return msgpack.unpackb(body, ext_hook=_extension, timestamp=3)
    except Exception as error:
        raise Malformed(f"a value cannot be decoded: {error}") from error
