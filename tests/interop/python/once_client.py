"""Calls that run at most once, on the library's server.

Usage: once_client.py PORT
The server cuts the connection of each first attempt of a payment above 100.
Prints a line for each scenario, and "N passed, N failed" at the end.
"""

import asyncio
import hashlib
import os
import sys
import traceback

from lengthwise import CallError, Caller, Method, connect, values
from lengthwise.once import Identity

PORT = int(sys.argv[1])
CALLS = [Method("look", "unary"), Method("pay", "unary")]


async def dial():
    return await connect(
        "127.0.0.1", PORT, calls=CALLS, protocol="bank", runs_once=("pay",)
    )


async def failure(awaitable):
    try:
        await awaitable
    except CallError as error:
        return error.code, error.processed
    raise AssertionError("the call did not fail")


def identity(peer, **changes):
    digest = hashlib.sha256(values.encode(7)).digest()
    parts = {
        "client": os.urandom(16), "number": 1, "seen": 0,
        "created": peer.server_time(), "digest": digest,
    }
    return Identity(**{**parts, **changes})


async def a_lost_call_is_repeated_and_runs_once(peer):
    caller = Caller(dial)
    receipts = [await caller.request("pay", amount) for amount in (101, 102, 3)]
    runs = await peer.request("look")
    assert [receipt in runs for receipt in receipts] == [True] * 3, (receipts, runs)
    assert len(set(receipts)) == 3
    assert sum(run.endswith(("for 101", "for 102")) for run in runs) == 2, runs


async def a_key_joins_calls_of_other_connections(peer):
    receipts = [
        await Caller(dial).request("pay", amount, key="order-17")
        for amount in (104, 104)
    ]
    assert receipts[0] == receipts[1]
    other = failure(Caller(dial).request("pay", 5, key="order-17"))
    assert await other == ("conflict", "no")


async def an_outcome_that_was_seen_is_gone(peer):
    first = identity(peer)
    receipt = await peer.request("pay", 7, once=first)
    assert await peer.request("pay", 7, once=first) == receipt
    second = identity(peer, client=first.client, number=2, seen=1)
    await peer.request("pay", 7, once=second)
    lost = await failure(peer.request("pay", 7, once=first))
    assert lost == ("outcome-lost", "maybe"), lost


async def a_call_that_is_too_old_does_not_run(peer):
    old = identity(peer, created=peer.server_time() - 3_600_000)
    lost = await failure(peer.request("pay", 7, once=old))
    assert lost == ("outcome-lost", "maybe"), lost


async def a_method_that_may_run_twice_refuses_once(peer):
    refused = await failure(peer.request("look", once=identity(peer)))
    assert refused == ("unimplemented", "no"), refused


SCENARIOS = [
    a_lost_call_is_repeated_and_runs_once,
    a_key_joins_calls_of_other_connections,
    an_outcome_that_was_seen_is_gone,
    a_call_that_is_too_old_does_not_run,
    a_method_that_may_run_twice_refuses_once,
]


async def main():
    failed = 0
    for run in SCENARIOS:
        name = run.__name__.replace("_", " ")
        try:
            await asyncio.wait_for(run(await dial()), 10)
            print(f"ok {name}", flush=True)
        except BaseException:
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
    print(f"{len(SCENARIOS) - failed} passed, {failed} failed")


asyncio.run(main())
