"""The other side of the MessagePack check: reads frames, answers with frames.

Each frame is a 4-byte big-endian length and a body. For each body the answer
is two frames: the value as text (to compare without MessagePack), and the
value encoded again by this implementation.
"""

import datetime
import struct
import sys

import msgpack

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def text(value):
    """One spelling for each value, which the JavaScript side produces, too."""
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
