"""Serves the methods of ../protocol.ts. Prints its ports, then runs until stdin ends."""

import asyncio
import sys

from lengthwise import CallError, Limits, serve

seen = []  # log of the handlers, for the tests
sent = 0  # items of `count` sent so far


async def echo(_context, value):
    return value


async def fail(_context, how):
    if how == "declared":
        raise CallError(
            "declared", "two left", declared="outOfStock", data={"left": 2},
            processed="yes",
        )
    if how == "later":
        raise CallError(
            "overloaded", "busy", processed="no", retry="later", retry_after=2000
        )
    raise RuntimeError("the password is hunter2")


async def slow(_context, milliseconds):
    try:
        await asyncio.sleep(milliseconds / 1000)
        return "slept"
    except asyncio.CancelledError:
        seen.append("slow was cancelled")
        raise


async def log(context, line):
    seen.append(line + context.metadata.get("suffix", ""))


async def look(_context, _value):
    lines, seen[:] = list(seen), []
    return lines


async def progress(_context, _value):
    return sent


async def count(_context, wanted):
    global sent
    sent = 0
    try:
        for _ in range(int(wanted["n"])):
            yield bytes(int(wanted["size"]))
            sent += 1
    except (asyncio.CancelledError, GeneratorExit):
        seen.append("count was cancelled")
        raise


async def total(_context, items):
    return float(sum([item async for item in items]))


async def upload(context, items):
    size = 0
    async for item in items:
        size += len(item)
        await asyncio.sleep(context.opening["pause"] / 1000)
    return size


async def chat(context, items):
    yield f"welcome to {context.opening}"
    async for line in items:
        yield line.upper()


async def meta(context, _value):
    context.answer_metadata = {"answered": "yes"}
    left = -1 if context.time_left is None else context.time_left * 1000
    return {"metadata": context.metadata, "left": left}


async def ask(context, question):
    for number in range(3):
        await context.peer.notify("alert", number)
    return await context.peer.request("answer", question)


async def add(context, n):
    call = await context.peer.call("numbers", n)
    return sum([number async for number in call])


async def drain(context, _value):
    asyncio.ensure_future(context.peer.drain())
    return "draining"


SERVES = {
    "add": ("unary", add),
    "ask": ("unary", ask),
    "chat": ("duplex", chat),
    "count": ("serverStream", count),
    "drain": ("unary", drain),
    "echo": ("unary", echo),
    "fail": ("unary", fail),
    "log": ("notification", log),
    "look": ("unary", look),
    "meta": ("unary", meta),
    "progress": ("unary", progress),
    "slow": ("unary", slow),
    "total": ("clientStream", total),
    "upload": ("clientStream", upload),
}


async def authenticate(credentials):
    if credentials is not None and credentials.get("token") == "wrong":
        raise ValueError("unknown token")


async def main():
    from methods import CLIENT

    options = {
        "serves": SERVES, "calls": CLIENT, "authenticate": authenticate,
        "protocol": "interop",
    }
    ports = []
    for limits in (
        Limits(),
        Limits(
            max_frame_body=16_384, max_calls=32, stream_window=4096,
            connection_window=262_144, notify_window=16_384, items_window=65_536,
        ),
        Limits(
            max_frame_body=16_384, max_message=65_536, items_window=65_536,
            max_assembly=65_536, item_budget=65_536, unread_timeout=0.3,
        ),
    ):
        _, port = await serve("127.0.0.1", 0, limits=limits, **options)
        ports.append(port)
    print(*ports, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
