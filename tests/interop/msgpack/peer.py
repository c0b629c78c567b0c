"""The Python end of the MessagePack test: reads frames and responds with frames.

Each frame is a 4-byte big-endian length and a body. The response to each body
is two frames: the value as text (for comparison without MessagePack), and the
value encoded by this implementation.
"""

import datetime
import struct
import sys

import msgpack

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def text(value):
    """Formats a value as spelling.ts does."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return f"i{value}"
    if isinstance(value, float):
        return "f" + struct.pack(">d", value).hex()
    if isinstance(value, str):
        return "s" + value.encode().hex()
    if isinstance(value, bytes):
        return "b" + value.hex()
    if isinstance(value, list):
        return "[" + ",".join(map(text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(text(k) + ":" + text(v) for k, v in value.items()) + "}"
    if isinstance(value, msgpack.Timestamp):
        return f"t{value.seconds * 1000 + value.nanoseconds // 1_000_000}"
    if isinstance(value, msgpack.ExtType):
        return f"x{value.code}:{value.data.hex()}"
    raise TypeError(type(value))


def read(count):
    data = sys.stdin.buffer.read(count)
    if len(data) < count:
        sys.exit(0)
    return data


def write(body):
    sys.stdout.buffer.write(struct.pack(">I", len(body)) + body)


while True:
    (length,) = struct.unpack(">I", read(4))
    value = msgpack.unpackb(read(length), strict_map_key=True, timestamp=0)
    write(text(value).encode())
    write(msgpack.packb(value))
    sys.stdout.buffer.flush()
