"""Frames, fields and HELLO as bytes (PROTOCOL.md, sections 2, 3, 5 and 6)."""

import struct
from dataclasses import dataclass, field

from .errors import (
    CODES, PROCESSED, RETRY, CallError, Malformed, Unsupported, name_of,
)
from . import values

HELLO, GOAWAY, PING, PONG, WINDOW, AUTH, ACK = 1, 2, 3, 4, 5, 6, 7
AGENT = "lengthwise-python/1"
REQUEST, ITEM, END, RESULT = 0x10, 0x11, 0x12, 0x13
ERROR, CANCEL, CREDIT, NOTIFY = 0x14, 0x15, 0x16, 0x17
MORE, REPLY, NO_VALUE, IGNORABLE = 0x01, 0x02, 0x04, 0x80
REQUESTS, NOTIFICATIONS, ITEMS = 0, 1, 2  # accounts of a connection

HEADER = 8
MAX_HELLO = 65_536
FRAME_CHARGE = 64
MAX_CREDIT = 2**31 - 1
MAX_TOTAL = 2**53
UNSETTLED = 2**48 - 1

# Entries of HELLO that identify sessions, by the role that sends them.
SESSION, INSTANCE = 0x07, 0x08
TOKEN, RESUME, RESUMED, RESUME_REFUSED = 0x0A, 0x0B, 0x0C, 0x0D
RESUMPTION = ((RESUME,), (SESSION, INSTANCE, TOKEN, RESUMED, RESUME_REFUSED))

SHAPES = ["unary", "notification", "serverStream", "clientStream", "duplex"]
KEY, ONCE = 0x05, 0x80
DEADLINE, METADATA, MESSAGE, INCIDENT, DECLARED, RETRY_AFTER, SPREAD = (
    0x01, 0x02, 0x10, 0x11, 0x12, 0x13, 0x14,
)


def frame(kind, id, body=b"", flags=0):
    """Encodes a frame with its length."""
    head = struct.pack(">IBB", HEADER + len(body), kind, flags)
    return head + id.to_bytes(6, "big") + body


def pieces(body, most):
    """Splits a body; yields each part, and whether more parts follow."""
    if not body:
        return [(b"", False)]
    return [
        (body[at:at + most], at + most < len(body))
        for at in range(0, len(body), most)
    ]


def text(data):
    """Decodes UTF-8."""
    try:
        return bytes(data).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("text is not UTF-8") from error


# ── fields ────────────────────────────────────────────────────────────────


def tlv(kind, value):
    """Encodes one field, or one entry of a HELLO."""
    return struct.pack(">BH", kind, len(value)) + value


def read_fields(block, critical=()):
    """Decodes all fields of a block, by type; refuses other critical ones."""
    found = read_tlv(block)
    if any(kind >= 0x80 and kind not in critical for kind in found):
        raise Unsupported("a critical field is not supported")
    return found


def read_tlv(block):
    """Decodes all fields of a block, or entries of a HELLO, by type."""
    found, at = {}, 0
    while at < len(block):
        if at + 3 > len(block):
            raise Malformed("the header of a field is truncated")
        kind, length = struct.unpack_from(">BH", block, at)
        at += 3 + length
        if at > len(block):
            raise Malformed("a field is truncated")
        found[kind] = block[at - length:at]
    return found


def fields(*list):
    """Encodes a block of fields with its length."""
    block = b"".join(list)
    return struct.pack(">H", len(block)) + block


def split_fields(body, at=0, critical=()):
    """Returns the fields and the value of a message."""
    if at + 2 > len(body):
        raise Malformed("the message ends before its fields")
    end = at + 2 + int.from_bytes(body[at:at + 2], "big")
    if end > len(body):
        raise Malformed("the fields are longer than the message")
    return read_fields(body[at + 2:end], critical), body[end:]


def u32(value):
    """Decodes a number of 4 bytes."""
    if len(value) != 4:
        raise Malformed("a number is not 4 bytes")
    return int.from_bytes(value, "big")


def metadata_field(metadata):
    """Encodes METADATA; returns no bytes if there are none."""
    pairs = b""
    for key, value in (metadata or {}).items():
        key, value = key.encode(), value.encode()
        pairs += struct.pack(">B", len(key)) + key
        pairs += struct.pack(">H", len(value)) + value
    return tlv(METADATA, pairs) if pairs else b""


def read_metadata(pairs):
    """Decodes metadata to a dictionary."""
    metadata, at = {}, 0
    while at < len(pairs):
        key_end = at + 1 + pairs[at]
        if key_end + 2 > len(pairs):
            raise Malformed("metadata is truncated")
        end = key_end + 2 + int.from_bytes(pairs[key_end:key_end + 2], "big")
        if end > len(pairs):
            raise Malformed("metadata is truncated")
        metadata[text(pairs[at + 1:key_end])] = text(pairs[key_end + 2:end])
        at = end
    return metadata


# ── HELLO ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Method:
    """A method in a HELLO."""

    name: str
    shape: str
    hash: int = 0


@dataclass
class Limits:
    """The limits of an end; HELLO contains all down to `max_assembly`."""

    max_frame_body: int = 131_072
    max_message: int = 4_194_304
    max_calls: int = 1024
    stream_window: int = 32_768
    connection_window: int = 4_194_304
    heartbeat: float = 15.0  # seconds
    notify_window: int = 1_048_576
    items_window: int = 4_194_304
    max_assembly: int = 8_388_608
    item_budget: int = 8_388_608
    unread_timeout: float = 10.0
    max_fragments: int = 1024
    assembly_timeout: float = 30.0
    handshake_timeout: float = 5.0
    drain_grace: float = 10.0


# Limits until the server's HELLO arrives (section 4).
EARLY = Limits(
    16_384, 65_536, 32, 0, 65_536, notify_window=16_384, items_window=0,
    max_assembly=65_536,
)


@dataclass
class Hello:
    """The contents of a HELLO."""

    role: int
    limits: Limits
    methods: list
    protocol: str = ""
    codecs: tuple = ("msgpack",)
    agent: str = AGENT
    protocol_hash: int = 0
    auth: bytes = None
    mismatches: list = field(default_factory=list)
    features: int = 0
    spread: int = None  # of a server: ms over which its clients reconnect
    outcomes: tuple = None  # of a server: its time in ms, and its store
    resumption: dict = field(default_factory=dict)  # entries for `resume`


def encode_hello(hello):
    """Encodes the body of a HELLO."""
    limits = hello.limits
    body = b"LWP1" + bytes([1, 0, hello.role, 0]) + struct.pack(
        ">11I", hello.features, limits.max_frame_body, limits.max_message, limits.max_calls,
        limits.stream_window, limits.connection_window,
        int(limits.heartbeat * 1000), hello.protocol_hash,
        limits.notify_window, limits.items_window, limits.max_assembly,
    )
    body += tlv(1, hello.protocol.encode()) + tlv(2, ",".join(hello.codecs).encode())
    body += tlv(3, b"".join(
        struct.pack(">BIB", SHAPES.index(one.shape), one.hash, len(one.name))
        + one.name.encode()
        for one in hello.methods
    ))
    if hello.auth is not None:
        body += tlv(4, hello.auth)
    if hello.mismatches:
        body += tlv(5, b"".join(struct.pack(">HB", *one) for one in hello.mismatches))
    if hello.spread is not None:
        body += tlv(0x0E, struct.pack(">I", hello.spread))
    if hello.outcomes is not None:
        time, store = hello.outcomes
        body += tlv(0x10, time.to_bytes(8, "big") + store.encode())
    for kind, value in hello.resumption.items():
        body += tlv(kind, value)
    return body + (tlv(6, hello.agent.encode()) if hello.agent else b"")


def check_version(body):
    """Returns the major version if the magic matches."""
    if body[:4] != b"LWP1" or len(body) < 6:
        raise Malformed("the peer uses another protocol")
    return body[4]


LEAST = (0, 16_384, 65_536, 32, 1_024, 65_536, 0, 0, 16_384, 65_536, 65_536)


def decode_hello(body):
    """Decodes a HELLO of our major version."""
    if len(body) < 52:
        raise Malformed("HELLO is truncated")
    numbers = struct.unpack_from(">11I", body, 8)
    if any(number < least for number, least in zip(numbers, LEAST)):
        raise Malformed("a member of HELLO is below its minimum")
    entries = read_tlv(body[52:])
    entries.pop(4 if body[6] else 5, None)  # only the other role sends it
    triples = entries.get(5, b"")
    if len(triples) % 3:
        raise Malformed("mismatches are truncated")
    return Hello(
        role=0 if body[6] == 0 else 1,
        limits=Limits(
            *numbers[1:6], heartbeat=numbers[6] / 1000, notify_window=numbers[8],
            items_window=numbers[9], max_assembly=numbers[10],
        ),
        protocol_hash=numbers[7],
        protocol=text(entries.get(1, b"")),
        codecs=tuple(text(entries.get(2, b"")).split(",")),
        agent=text(entries.get(6, b"")),
        methods=read_methods(entries.get(3, b"")),
        auth=entries.get(4),
        mismatches=list(struct.iter_unpack(">HB", triples)),
        features=numbers[0],
        spread=read_spread(entries.get(0x0E)) if body[6] else None,
        outcomes=read_outcomes(entries.get(0x10)) if body[6] else None,
        resumption={
            kind: bytes(entries[kind])
            for kind in RESUMPTION[body[6] != 0] if kind in entries
        },
    )


def read_spread(value):
    """Decodes SPREAD; skips one that is not 4 bytes."""
    valid = value is not None and len(value) == 4
    return int.from_bytes(value, "big") if valid else None


def read_outcomes(value):
    """Decodes OUTCOMES."""
    if value is None:
        return None
    if len(value) <= 8 or value[:8] >= (2**53).to_bytes(8, "big"):
        raise Malformed("OUTCOMES is truncated, or its time too large")
    return int.from_bytes(value[:8], "big"), text(value[8:])


def read_methods(data):
    """Decodes METHODS."""
    methods, at = [], 0
    while at < len(data):
        if at + 6 > len(data) or at + 6 + data[at + 5] > len(data):
            raise Malformed("the method list is truncated")
        shape, hash, length = struct.unpack_from(">BIB", data, at)
        if shape >= len(SHAPES):
            raise Malformed("unknown shape")
        at += 6 + length
        methods.append(Method(text(data[at - length:at]), SHAPES[shape], hash))
    return methods


# ── ERROR ─────────────────────────────────────────────────────────────────


def encode_error(error):
    """Encodes the body of an ERROR."""
    list = [tlv(MESSAGE, error.text.encode())]
    if error.incident:
        list.append(tlv(INCIDENT, error.incident.encode()))
    if error.declared:
        list.append(tlv(DECLARED, error.declared.encode()))
    if error.retry_after:
        list.append(tlv(RETRY_AFTER, struct.pack(">I", error.retry_after)))
    head = bytes([
        CODES.index(error.code), PROCESSED.index(error.processed),
        RETRY.index(error.retry), 0,
    ])
    data = values.encode(error.data) if error.has_data else b""
    return head + fields(*list) + data


def decode_error(body):
    """Decodes an ERROR."""
    if len(body) < 4:
        raise Malformed("ERROR is truncated")
    block, data = split_fields(body, 4)
    details = {}
    try:
        if data:
            details["data"] = values.decode(data)
    except Malformed:
        pass  # report the error without its data
    return CallError(
        name_of(CODES, body[0], "internal"),
        text(block.get(MESSAGE, b"")),
        processed=name_of(PROCESSED, body[1], "maybe"),
        retry=name_of(RETRY, body[2], "never"),
        retry_after=u32(block.get(RETRY_AFTER, b"\0\0\0\0")),
        declared=text(block.get(DECLARED, b"")),
        incident=text(block.get(INCIDENT, b"")),
        **details,
    )
