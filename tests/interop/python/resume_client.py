"""Sessions that outlive their connections, and drains, on the library's server.

Usage: resume_client.py PORT
Prints a line for each scenario, and "N passed, N failed" at the end.
"""

import asyncio
import os
import sys
import traceback
from dataclasses import replace

from lengthwise import CallError, Method, connect, resuming, wire
from relay import Relay

PORT = int(sys.argv[1])
CALLS = [
    Method("add", "unary"), Method("ask", "unary"), Method("count", "serverStream"),
    Method("cut", "unary"), Method("drain", "unary"), Method("hold", "unary"),
    Method("look", "unary"), Method("note", "notification"),
    Method("total", "clientStream"),
]
# Bytes of each connection. HELLO has about 250; that of connection 3 is lost.
CUTS = [(600, None), (None, 900), (None, 40), (700, None), (None, 1500), (500, 500)]


async def dial(port=PORT):
    async def answer(_context, number):
        return number * 2

    return await connect(
        "127.0.0.1", port, calls=CALLS, protocol="trip", resume=True,
        serves={"answer": ("unary", answer)},
    )


class Gate:
    """Holds back the client's attempts until it is opened."""

    def __init__(self, peer):
        self._reconnect, peer.reconnect = peer.reconnect, self._wait
        self.lost, self._open = asyncio.Event(), asyncio.Event()

    async def _wait(self):
        self.lost.set()
        await self._open.wait()
        return await self._reconnect()

    def open(self):
        self._open.set()


async def lose(peer):
    """Cuts the connection; the returned gate lets the client connect again."""
    gate = Gate(peer)
    peer.cut()
    await gate.lost.wait()
    return gate


async def ask(peer, ticket):
    """Sends a RESUME on a connection of its own; returns the entries of HELLO."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    hello = await peer.ask(reader, writer, ticket)
    writer.transport.abort()
    return hello.resumption


def refusal(entries):
    return resuming.read_refusal(entries[wire.RESUME_REFUSED])


async def failure(awaitable):
    try:
        await awaitable
    except CallError as error:
        return error.code, error.processed
    raise AssertionError("the call did not fail")


async def nothing_is_lost_or_doubled():
    relay = Relay(PORT, CUTS)
    peer = await dial(await relay.listen())

    async def read():
        call = await peer.call("count", 60)
        return [number async for number in call]

    async def upload():
        call = await peer.call("total")
        for number in range(60):
            await call.send(number)
            await asyncio.sleep(0)
        await call.end()
        return await call.result

    async def ask_each():
        return [await peer.request("ask", number) for number in range(15)]

    async def add_each():
        await asyncio.gather(*(peer.request("add", n) for n in range(40)))
        for number in range(40, 60):
            await peer.request("add", number)
            await peer.notify("note", number)

    numbers, total, answers, _ = await asyncio.gather(
        read(), upload(), ask_each(), add_each()
    )
    await peer.ping()
    assert numbers == list(range(60)), numbers
    assert total == sum(range(60)), total
    assert answers == [number * 2 for number in range(15)], answers
    log = await peer.request("look")
    while relay.left > 0:
        log = await peer.request("look")
    added = [line for line in log if line.startswith("add")]
    assert sorted(added) == sorted(f"add {n}" for n in range(60)), log
    noted = [line for line in log if line.startswith("note")]
    assert noted == [f"note {n}" for n in range(40, 60)], log
    assert peer.generation >= len(CUTS), peer.generation
    await peer.close()


async def a_handler_returns_while_there_is_no_connection():
    peer, other = await dial(), await dial()
    call = await peer.call("cut")
    await peer.ping()
    gate = await lose(peer)
    await other.notify("note", -1)  # lets the handler return
    await other.close()
    gate.open()
    assert await call.result == "cut"
    assert peer.generation == 1
    assert await peer.request("look") == ["cut"]
    await peer.close()


async def acknowledged_frames_are_not_kept():
    peer = await dial()
    for number in range(3):
        await peer.request("add", number)
    await peer.ping()  # the PONG acknowledges them
    assert peer.positions.unread() == []
    (await lose(peer)).open()
    assert await peer.request("look") == ["add 0", "add 1", "add 2"]
    await peer.close()


async def a_wrong_token_is_refused():
    peer = await dial()
    call = await peer.call("hold")
    gate = await lose(peer)
    peer.token = os.urandom(32)
    gate.open()
    await peer.ended
    assert await failure(call.result) == ("disconnected", "maybe")


async def a_token_is_used_once():
    peer = await dial()
    used = peer.token
    (await lose(peer)).open()
    await peer.ping()
    again = replace(peer.ticket(), secret=used)
    assert refusal(await ask(peer, again)) == (resuming.UNKNOWN, None)
    old = replace(peer.ticket(), generation=1)
    assert refusal(await ask(peer, old)) == (resuming.UNKNOWN, None)
    await peer.request("add", 1)  # the session goes on
    assert await peer.request("look") == ["add 1"]
    await peer.close()


async def a_lost_answer_leaves_the_token_valid():
    peer = await dial()
    gate = await lose(peer)
    for _ in range(2):
        assert wire.RESUMED in await ask(peer, peer.ticket())
    gate.open()
    await peer.request("add", 1)
    assert await peer.request("look") == ["add 1"]
    await peer.close()


async def a_refusal_says_which_calls_were_not_processed():
    peer = await dial()
    held = await peer.call("hold")
    await peer.ping()
    gate = await lose(peer)
    added = await peer.call("add", 1)
    peer.positions.acknowledge(peer.positions.sent)  # it is no longer kept
    gate.open()
    await peer.ended
    reason, received = peer.refusal
    assert reason == resuming.NOT_KEPT and received == held.position, peer.refusal
    assert await failure(held.result) == ("disconnected", "maybe")
    assert await failure(added.result) == ("disconnected", "no")


async def impossible_positions_end_the_session():
    peer = await dial()
    await peer.request("add", 1)
    frames = peer.positions
    more = replace(peer.ticket(), received=frames.received + 1)
    assert refusal(await ask(peer, more)) == (resuming.NOT_KEPT, frames.sent)
    await peer.ended

    peer = await dial()
    await peer.request("add", 1)
    gate = await lose(peer)
    peer.positions = resuming.Positions()
    gate.open()
    assert (await peer.ended).code == "resume-lost"


async def a_drained_client_connects_again_when_it_may():
    for code in ("drain", "age"):
        peer = await dial()
        held = await peer.call("count", 3)
        await peer.request("drain", code)
        await peer.draining.wait()
        assert peer.goaway == (code, 30, 20), peer.goaway
        assert await failure(peer.request("add", 1)) == ("unavailable", "no")
        assert [number async for number in held] == [0, 1, 2]
        assert await peer.ended is None
        assert peer.generation == 0  # a drained session is not resumed
        pause = peer.pause()
        assert 0.03 <= pause <= 0.05, pause
        await asyncio.sleep(pause)
        peer = await dial()
        await peer.request("add", 1)
        await peer.close()


SCENARIOS = [
    nothing_is_lost_or_doubled,
    a_handler_returns_while_there_is_no_connection,
    acknowledged_frames_are_not_kept,
    a_wrong_token_is_refused,
    a_token_is_used_once,
    a_lost_answer_leaves_the_token_valid,
    a_refusal_says_which_calls_were_not_processed,
    impossible_positions_end_the_session,
    a_drained_client_connects_again_when_it_may,
]


async def main():
    failed = 0
    for run in SCENARIOS:
        name = run.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(run(), 10)
            print(f"ok {name}", flush=True)
        except BaseException:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
    print(f"{len(SCENARIOS) - failed} passed, {failed} failed")


asyncio.run(main())
