"""Calls the library's server in every way that the wire format allows.

Usage: client.py PORT SMALL_PORT SCARCE_PORT
The small server has small limits, the scarce one also little memory for items.
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

PORT, SMALL_PORT, SCARCE_PORT = (int(argument) for argument in sys.argv[1:4])
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


def tap(peer):
    """Returns the lists of sent and of received frames: (kind, id, flags, body)."""
    sent, received, write, receive = [], [], peer.write, peer._receive

    def tapped_write(kind, id, body=b"", flags=0):
        sent.append((kind, id, flags, body))
        write(kind, id, body, flags)

    def tapped_receive(kind, flags, id, body):
        received.append((kind, id, flags, body))
        receive(kind, flags, id, body)

    peer.write, peer._receive = tapped_write, tapped_receive
    return sent, received


def alternations(frames, kind):
    """Counts how often a frame follows one of another, incomplete message."""
    pairs = [one for one in frames if one[0] == kind]
    return sum(
        before[1] != after[1] and bool(before[2] & wire.MORE)
        for before, after in zip(pairs, pairs[1:])
    )


def totals(frames, kind, id):
    """Returns the totals of an account, which must increase."""
    found = [
        int.from_bytes(body, "big")
        for one, account, _, body in frames if (one, account) == (kind, id)
    ]
    assert found == sorted(set(found)), found
    return found


async def send_all(call, items):
    for item in items:
        await call.send(item)
    await call.end()


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
async def the_frames_of_large_requests_alternate(_peer):
    peer = await dial()
    sent, received = tap(peer)
    values = [bytes([number]) * 1_000_000 for number in range(6)]
    large = [asyncio.ensure_future(peer.request("echo", one)) for one in values]
    await asyncio.sleep(0)
    assert await peer.request("echo", "small") == "small"
    assert not any(one.done() for one in large)  # the small call passed them
    assert await asyncio.gather(*large) == values
    assert alternations(sent, wire.REQUEST) >= 12
    assert totals(received, wire.WINDOW, wire.REQUESTS)  # 6 MB in a window of 4
    await peer.close()


@scenario
async def a_request_of_one_frame_passes_large_ones_that_wait(_peer):
    peer = await dial(SCARCE_PORT)
    sent, _ = tap(peer)
    large = [
        asyncio.ensure_future(peer.request("echo", bytes(60_000))) for _ in range(8)
    ]
    while not sent:
        await asyncio.sleep(0)
    assert await peer.request("echo", "small") == "small"
    assert await asyncio.gather(*large) == [bytes(60_000)] * 8
    unfinished, most = {}, 0
    for kind, id, flags, body in sent:
        if kind == wire.REQUEST:
            unfinished[id] = unfinished.get(id, 0) + len(body)
            most = max(most, len(unfinished))
            if not flags & wire.MORE:
                del unfinished[id]
    assert most <= 2, most  # 65,536 bytes, and one of one frame
    await peer.close()


@scenario
async def totals_stay_exact_in_long_streams(_peer):
    peer = await dial()
    sent, received = tap(peer)
    call = await peer.call("count", {"n": 6000, "size": 1000})
    assert [len(item) async for item in call] == [1000] * 6000
    charges = 6000 * (2 + 3 + 1000 + 64)
    assert peer.items.account.charges == charges
    assert totals(sent, wire.CREDIT, call.id)[-1] > charges
    assert totals(sent, wire.WINDOW, wire.ITEMS)[-1] > charges
    call = await peer.call("upload", opening={"pause": 0})
    await send_all(call, [bytes(20_000)] * 500)
    assert await call.result == 10_000_000
    shared, charges = peer.sender.accounts[wire.ITEMS], 500 * (2 + 3 + 20_000 + 64)
    assert shared.charges == charges and shared.total > charges
    assert totals(received, wire.CREDIT, call.id)[-1] > charges - 262_144
    assert totals(received, wire.WINDOW, wire.ITEMS)[-1] == shared.total
    await peer.close()


@scenario
async def a_total_that_does_not_rise_is_ignored(_peer):
    peer = await dial()
    call = await peer.call("count", {"n": 1000, "size": 1000})
    taken = 0
    async for _ in call:
        taken += 1
        for total in (0, peer.limits.stream_window):
            peer.write(wire.CREDIT, call.id, total.to_bytes(8, "big"))
            peer.write(wire.WINDOW, wire.ITEMS, total.to_bytes(8, "big"))
    assert taken == 1000
    assert await peer.request("echo", 1) == 1
    await peer.close()


@scenario
async def a_total_beyond_the_limit_ends_the_connection(_peer):
    for kind, total in (
        (wire.WINDOW, 2**31 + 4_194_304), (wire.WINDOW, 2**53), (wire.CREDIT, 2**53),
    ):
        peer = await dial()
        call = await peer.call("slow", 60_000)
        id = call.id if kind == wire.CREDIT else wire.ITEMS
        peer.write(kind, id, total.to_bytes(8, "big"))
        error = await peer.ended
        assert (error.code, error.remote) == ("flow-control", True), error


@scenario
async def notifications_wait_for_their_own_credit(_peer):
    peer = await dial(SMALL_PORT)
    _, received = tap(peer)
    await peer.request("look")
    lines = [f"{n} " + "x" * (50_000 if n % 50 == 25 else 500) for n in range(200)]
    sending = [asyncio.ensure_future(peer.notify("log", line)) for line in lines]
    account = peer.sender.accounts[wire.NOTIFICATIONS]
    while account.available > 0:
        await asyncio.sleep(0)
    assert await peer.request("echo", "passes") == "passes"
    await asyncio.gather(*sending)
    seen = []
    while len(seen) < 200:
        seen += await peer.request("look")
    assert seen == lines
    granted = totals(received, wire.WINDOW, wire.NOTIFICATIONS)
    assert account.charges > 300_000 and granted[-1] == account.total
    assert not totals(received, wire.WINDOW, wire.REQUESTS)
    await peer.close()


TIGHT = dict(max_frame_body=16_384, stream_window=32_768, items_window=65_536)


@scenario
async def loans_help_the_stream_that_is_read(_peer):
    peer = await dial(limits=Limits(**TIGHT))
    loans, lend = [], peer.items.account.lend
    peer.items.account.lend = lambda amount: (loans.append(amount), lend(amount))
    unread = [await peer.call("count", {"n": 20, "size": 20_000}) for _ in range(4)]
    while peer.items.account.available * 4 > peer.items.account.window:
        await peer.ping()
    call = await peer.call("count", {"n": 20, "size": 40_000})
    assert [len(item) async for item in call] == [40_000] * 20
    assert loans
    for call in unread:
        assert [len(item) async for item in call] == [20_000] * 20
    assert (peer.items.claimed, peer.items.account.lent) == (0, 0)
    await peer.close()


@scenario
async def the_stream_unread_longest_ends_as_a_last_resort(_peer):
    peer = await dial(limits=Limits(
        max_message=65_536, item_budget=65_536, unread_timeout=0.3, **TIGHT,
    ))
    unread = [await peer.call("count", {"n": 20, "size": 20_000}) for _ in range(4)]
    while peer.items.account.available * 4 > peer.items.account.window:
        await peer.ping()
    call = await peer.call("count", {"n": 20, "size": 40_000})
    assert [len(item) async for item in call] == [40_000] * 20
    assert not unread[0].result.cancelled() and unread[0].result.done()
    error = await failure(unread[0].result)
    assert (error.code, error.retry) == ("overloaded", "later")
    kept = [call for call in unread if not call.result.done()]
    for call in kept:
        assert [len(item) async for item in call] == [20_000] * 20
    assert kept and (peer.items.claimed, peer.items.account.lent) == (0, 0)
    await peer.close()


@scenario
async def the_server_helps_the_stream_that_it_reads(_peer):
    peer = await dial(SMALL_PORT)
    _, received = tap(peer)
    unread = [await peer.call("upload", opening={"pause": 60_000}) for _ in range(20)]
    sending = [
        asyncio.ensure_future(send_all(call, [bytes(3000)] * 10)) for call in unread
    ]
    shared = peer.sender.accounts[wire.ITEMS]
    while shared.available * 4 > peer.remote.items_window:
        await peer.ping()
    call = await peer.call("upload", opening={"pause": 0})
    await send_all(call, [bytes(40_000)] * 20)
    assert await call.result == 800_000
    assert totals(received, wire.WINDOW, wire.ITEMS)
    for call in unread:
        assert not call.result.done()
        call.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    call = await peer.call("upload", opening={"pause": 0})
    await send_all(call, [bytes(40_000)] * 5)
    assert await call.result == 200_000
    await peer.close()


@scenario
async def the_server_ends_an_unread_stream_as_a_last_resort(_peer):
    peer = await dial(SCARCE_PORT)
    unread = [await peer.call("upload", opening={"pause": 60_000}) for _ in range(6)]
    sending = [
        asyncio.ensure_future(send_all(call, [bytes(20_000)] * 10)) for call in unread
    ]
    shared = peer.sender.accounts[wire.ITEMS]
    while shared.available * 4 > peer.remote.items_window:
        await peer.ping()
    call = await peer.call("upload", opening={"pause": 0})
    await send_all(call, [bytes(40_000)] * 10)
    assert await call.result == 400_000
    ended = [call for call in unread if call.result.done()]
    assert 0 < len(ended) < len(unread), len(ended)
    for one in ended:
        error = await failure(one.result)
        assert (error.code, error.processed, error.retry) == (
            "overloaded", "maybe", "later"
        )
    for call in unread:
        call.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    await peer.close()


@scenario
async def cancelled_streams_return_the_credit_for_all_items(_peer):
    peer = await dial(SMALL_PORT, limits=Limits(**TIGHT))
    for _ in range(20):
        call = await peer.call("count", {"n": 10, "size": 10_000})
        await call.__anext__()
        await peer.request("echo", 1)
        call.cancel()
    while peer.outgoing:
        await peer.request("echo", 1)
    account = peer.items.account
    assert account.available + account.owed == account.window
    assert not peer.items.streams
    for _ in range(20):
        call = await peer.call("upload", opening={"pause": 60_000})
        for _ in range(3):
            await call.send(bytes(2000))
        call.cancel()
    await peer.request("echo", 1)  # the handlers still run
    assert peer.sender.accounts[wire.ITEMS].available > peer.remote.items_window / 2
    await peer.close()


@scenario
async def late_items_return_the_credit_for_all_items(_peer):
    peer = await dial(SMALL_PORT)
    call = await peer.call("total")
    await call.end()
    await call.result
    body = wire.fields() + values.encode(bytes(16_000))
    shared = peer.sender.accounts[wire.ITEMS]
    for _ in range(10):  # more than itemsWindow, 65,536 bytes
        shared.charge(len(body) + wire.FRAME_CHARGE)
        peer.write(wire.ITEM, call.id, body)
    assert await peer.request("echo", 1) == 1
    assert shared.available > peer.remote.items_window / 2
    await peer.close()


@scenario
async def items_without_a_value_are_skipped(_peer):
    peer = await dial()

    def write(call, body, flags):
        for account in (call.account, peer.sender.accounts[wire.ITEMS]):
            account.charge(len(body) + wire.FRAME_CHARGE)
        peer.write(wire.ITEM, call.id, body, flags)

    gap = wire.fields(wire.tlv(0x07, bytes(17)))
    call = await peer.call("total")
    for number in range(2000):  # their charges are returned
        await call.send(number)
        write(call, gap + b"skipped", wire.NO_VALUE)
    await call.end()
    assert await call.result == 1999 * 1000
    critical = wire.fields(wire.tlv(0x81, bytes(16)))
    for frames in (
        [(gap, wire.NO_VALUE | wire.MORE)],
        [(critical, wire.NO_VALUE)],
        [(wire.fields(), wire.MORE), (gap, wire.NO_VALUE)],
    ):
        call = await peer.call("total")
        for body, flags in frames:
            write(call, body, flags)
        error = await failure(call.result)
        assert (error.code, error.processed) == ("malformed", "maybe"), error
    await peer.close()


@scenario
async def items_beyond_the_credit_for_all_end_the_connection(_peer):
    peer = await dial(SMALL_PORT)
    calls = [await peer.call("upload", opening={"pause": 60_000}) for _ in range(6)]
    for call in calls:
        await call.send(b"taken")
    await peer.request("echo", 1)
    for call in calls:  # 5 × 16,000 bytes are more than 65,536; no handler waits
        peer.write(wire.ITEM, call.id, wire.fields() + values.encode(bytes(16_000)))
    error = await peer.ended
    assert (error.code, error.remote) == ("flow-control", True), error


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
