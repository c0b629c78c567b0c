"""Calls the library's server in every way that the wire format allows.

Usage: client.py PORT SMALL_PORT
Prints a line for each scenario, and "N passed, N failed" at the end.
"""

import asyncio
import json
import os
import sys
import traceback
from datetime import datetime, timezone

from lengthwise import CallError, Limits, Method, SessionError, UNDEFINED, connect
from lengthwise import values, wire
from methods import CLIENT, SERVER

PORT, SMALL_PORT = (int(argument) for argument in sys.argv[1:3])
HERE = os.path.dirname(os.path.abspath(__file__))
SCENARIOS = []


def scenario(run):
    SCENARIOS.append(run)
    return run


async def dial(port=PORT, **options):
    alerts = []

    async def alert(_context, number):
        alerts.append(number)

    async def answer(_context, question):
        return question + "!"

    async def numbers(_context, n):
        for number in range(n):
            yield number

    peer = await connect(
        "127.0.0.1", port, calls=options.pop("calls", SERVER), protocol="interop",
        serves={
            "alert": ("notification", alert),
            "answer": ("unary", answer),
            "numbers": ("serverStream", numbers),
        },
        **options,
    )
    peer.alerts = alerts
    return peer


async def failure(awaitable):
    try:
        await awaitable
    except CallError as error:
        return error
    raise AssertionError("the call did not fail")


@scenario
async def unary_calls_carry_every_kind_of_value(peer):
    for value in (
        None, True, 0, -1, 127, 128, 255, 65_536, 4_294_967_295, -2_147_483_648,
        1.5, 2.0**40, 2**40, -(2**63), 2**64 - 1, "", "é" * 40, b"", b"\0" * 70_000,
        [], [1, [2, [3]]], {}, {"a": {"b": [None]}}, UNDEFINED,
        datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=timezone.utc),
    ):
        came = await peer.request("echo", value)
        assert came == value, (value, came)


@scenario
async def many_calls_run_at_once(peer):
    results = await asyncio.gather(
        *(peer.request("echo", number) for number in range(500))
    )
    assert results == list(range(500))


@scenario
async def server_streams_end(peer):
    call = await peer.call("count", {"n": 5, "size": 10})
    assert [len(item) async for item in call] == [10] * 5
    assert await call.result is None


@scenario
async def client_streams_sum(peer):
    call = await peer.call("total")
    for number in (1, 2, 3):
        await call.send(number)
    await call.end()
    assert await call.result == 6


@scenario
async def duplex_calls_exchange_items(peer):
    call = await peer.call("chat", opening="room 7")
    lines = call.__aiter__()
    assert await lines.__anext__() == "welcome to room 7"
    for line in ("one", "two"):
        await call.send(line)
        assert await lines.__anext__() == line.upper()
    await call.end()
    assert [line async for line in call] == []


@scenario
async def declared_errors_have_data(peer):
    error = await failure(peer.request("fail", "declared"))
    assert (error.code, error.declared) == ("declared", "outOfStock"), error
    assert error.data == {"left": 2} and error.processed == "yes"


@scenario
async def failures_are_incidents(peer):
    error = await failure(peer.request("fail", "internal"))
    assert error.code == "internal" and error.incident
    assert "hunter2" not in error.text


@scenario
async def refusals_contain_the_time_to_retry(peer):
    error = await failure(peer.request("fail", "later"))
    assert (error.code, error.retry, error.retry_after) == ("overloaded", "later", 2000)


@scenario
async def unknown_methods_are_mismatches(peer):
    ghost = [one.name for one in SERVER].index("ghost")
    assert peer.hello.mismatches == [(ghost, 0)], peer.hello.mismatches
    error = await failure(peer.request("ghost"))
    assert (error.code, error.processed) == ("unimplemented", "no")


@scenario
async def other_shapes_are_mismatches(_peer):
    peer = await dial(calls=[Method("echo", "duplex"), Method("look", "unary")])
    assert peer.hello.mismatches == [(0, 1)], peer.hello.mismatches
    assert await peer.request("look") is not None
    await peer.close()


@scenario
async def cancels_reach_the_handler(peer):
    await peer.request("look")
    call = await peer.call("slow", 60_000)
    call.cancel()
    assert (await failure(call.result)).code == "cancelled"
    while peer.outgoing:
        await peer.ping()
    assert await peer.request("look") == ["slow was cancelled"]


@scenario
async def cancelled_streams_stop(peer):
    await peer.request("look")
    call = await peer.call("count", {"n": 100_000, "size": 1000})
    await call.__anext__()
    call.cancel()
    while peer.outgoing:
        await peer.ping()
    assert await peer.request("look") == ["count was cancelled"]


@scenario
async def deadlines_end_calls(peer):
    await peer.request("look")
    error = await failure(peer.request("slow", 60_000, timeout=0.05))
    assert error.code == "deadline"
    while peer.outgoing:
        await peer.ping()
    assert await peer.request("look") == ["slow was cancelled"]


@scenario
async def metadata_and_deadlines_are_sent(peer):
    call = await peer.call("meta", metadata={"lang": "dé"}, timeout=30)
    came = await call.result
    assert came["metadata"] == {"lang": "dé"}
    assert 0 < came["left"] <= 30_000
    assert call.metadata == {"answered": "yes"}


@scenario
async def notifications_arrive_in_order(peer):
    await peer.request("look")
    for number in range(50):
        await peer.notify("log", f"line {number}", metadata={"suffix": "."})
    seen = []
    while len(seen) < 50:  # a call can overtake notifications
        seen += await peer.request("look")
    assert seen == [f"line {n}." for n in range(50)], seen


@scenario
async def the_server_calls_back(peer):
    assert await peer.request("ask", "well?") == "well?!"
    assert peer.alerts == [0, 1, 2]
    assert await peer.request("add", 10) == 45


@scenario
async def slow_readers_stop_only_the_sender(peer):
    call = await peer.call("count", {"n": 1000, "size": 1000})
    await call.__anext__()
    assert await peer.request("echo", "still here") == "still here"
    sent = await peer.request("progress")
    assert sent <= 33, sent  # a window of 32,768, items of a charge of 1,069
    items = [len(item) async for item in call]
    assert items == [1000] * 999


@scenario
async def senders_wait_for_slow_readers(peer):
    call = await peer.call("upload", opening={"pause": 1})
    for _ in range(100):
        await call.send(bytes(1000))
    await call.end()
    assert await call.result == 100_000


@scenario
async def messages_larger_than_the_window_arrive(peer):
    call = await peer.call("count", {"n": 2, "size": 1_000_000})
    assert [len(item) async for item in call] == [1_000_000] * 2
    call = await peer.call("upload", opening={"pause": 0})
    await call.send(bytes(1_000_000))
    await call.end()
    assert await call.result == 1_000_000


@scenario
async def large_messages_are_split_and_joined(peer):
    value = bytes(range(256)) * 8000
    assert await peer.request("echo", value) == value


@scenario
async def a_reply_that_mixes_kinds_ends_its_call_without_a_cancel(_peer):
    peer = await dial()
    sent, write = [], peer.write
    peer.write = lambda kind, *rest: (sent.append(kind), write(kind, *rest))
    for last, body in ((wire.ERROR, b"\5\2\0\0\0\0"), (wire.RESULT, b"\0\0\1")):
        call = await peer.call("slow", 200)
        first = wire.RESULT if last == wire.ERROR else wire.ERROR
        peer._receive(first, wire.MORE, call.id, b"\0")
        peer._receive(last, 0, call.id, body)
        error = await failure(call.result)
        assert (error.code, error.processed) == ("malformed", "maybe")
        assert call.id not in peer.outgoing
    assert await peer.request("echo", 1) == 1
    assert wire.CANCEL not in sent
    await peer.close()


@scenario
async def small_limits_are_respected(_peer):
    limits = Limits(max_frame_body=16_384, stream_window=1024, max_message=1_000_000)
    peer = await dial(SMALL_PORT, limits=limits)
    assert peer.remote.max_frame_body == 16_384 and peer.remote.max_calls == 32
    value = bytes(range(256)) * 1000
    results = await asyncio.gather(*(peer.request("echo", value) for _ in range(50)))
    assert results == [value] * 50
    call = await peer.call("count", {"n": 3, "size": 100_000})
    assert [len(item) async for item in call] == [100_000] * 3
    call = await peer.call("upload", opening={"pause": 0})
    for _ in range(5):
        await call.send(bytes(100_000))
    await call.end()
    assert await call.result == 500_000
    await peer.close()


@scenario
async def too_large_requests_are_refused(_peer):
    peer = await dial(SMALL_PORT)
    error = await failure(peer.request("echo", bytes(1_000_000)))
    assert (error.code, error.processed) == ("too-large", "no"), error
    assert await peer.request("echo", 1) == 1
    await peer.close()


@scenario
async def pings_are_answered(peer):
    for _ in range(5):
        await peer.ping()


@scenario
async def early_calls_follow_the_hello(_peer):
    peer = await dial(early=True)
    assert await peer.request("echo", "early") == "early"
    await peer.close()


@scenario
async def credentials_are_refused(_peer):
    try:
        await dial(credentials={"token": "wrong"})
    except SessionError as error:
        assert (error.code, error.remote) == ("unauthenticated", True)
        return
    raise AssertionError("the server accepted the credentials")


@scenario
async def credentials_are_refreshed(_peer):
    peer = await dial(credentials={"token": "right"})
    await peer.refresh({"token": "right too"})
    assert await peer.request("echo", 1) == 1
    try:
        await peer.refresh({"token": "wrong"})
    except SessionError as error:
        assert error.code == "unauthenticated"
        return
    raise AssertionError("the server accepted the credentials")


@scenario
async def servers_drain(_peer):
    peer = await dial()
    inflight = await peer.call("slow", 200)
    assert await peer.request("drain") == "draining"
    await peer.draining.wait()
    error = await failure(peer.request("echo", 1))
    assert (error.code, error.processed) == ("unavailable", "no")
    assert await inflight.result == "slept"
    assert await peer.ended is None


@scenario
async def clients_drain(_peer):
    peer = await dial()
    inflight = await peer.call("slow", 200)
    await peer.drain()
    assert await inflight.result == "slept"
    assert await peer.ended is None


@scenario
async def calls_in_flight_fail_with_the_connection(_peer):
    peer = await dial()
    call = await peer.call("slow", 60_000)
    peer._writer.transport.abort()
    assert (await failure(call.result)).code == "disconnected"


@scenario
async def broken_rules_end_the_connection(_peer):
    peer = await dial()
    peer.write(0x6E, 0)
    error = await peer.ended
    assert (error.code, error.remote) == ("protocol", True)


@scenario
async def frames_of_the_vectors_are_decoded_and_encoded(_peer):
    with open(os.path.join(HERE, "../../vectors/messages.json")) as file:
        vectors = json.load(file)["frames"]
    for vector in vectors:
        frame = bytes.fromhex(vector["bytes"])
        kind, flags, id, body = frame[4], frame[5], frame[6:12], frame[12:]
        header = [kind, flags, int.from_bytes(id, "big")]
        assert header == [vector["kind"], vector["flags"], vector["id"]], vector
        assert wire.frame(kind, header[2], body, flags) == frame
        says = vector["says"]
        if kind == wire.HELLO:
            hello = wire.decode_hello(body)
            assert wire.encode_hello(hello) == body, vector
            assert [one.name for one in hello.methods] == [
                one["name"] for one in says["methods"]
            ]
        elif kind == wire.ERROR:
            error = wire.decode_error(body)
            assert wire.encode_error(error) == body, vector
            assert error.code == says["code"] and error.data == says.get("data")
        elif kind in (wire.ITEM, wire.RESULT, wire.REQUEST, wire.NOTIFY):
            if flags & wire.MORE:
                continue
            at = 2 if kind in (wire.REQUEST, wire.NOTIFY) else 0
            block, value = wire.split_fields(body, at)
            metadata = wire.read_metadata(block.get(wire.METADATA, b""))
            assert metadata == says.get("metadata", {})
            assert (values.decode(value) if value else None) == says.get("value")


async def main():
    failed = 0
    peer = await dial()
    for run in SCENARIOS:
        name = run.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(run(peer), 10)
            print(f"ok {name}", flush=True)
        except BaseException:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
    await peer.close()
    print(f"{len(SCENARIOS) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


asyncio.run(main())
