"""Serves sessions that outlive their connections.

Prints the ports of a relay that cuts its connections and of the server itself,
then runs until stdin ends.
"""

import asyncio
import sys

from lengthwise import Method, serve
from relay import Relay

# Bytes of each connection. HELLO has about 250; that of connection 3 is lost.
CUTS = [(600, None), (None, 900), (None, 40), (700, None), (None, 1500), (500, 500)]

log = []


async def add(_context, number):
    log.append(f"add {number:g}")
    return number


async def ask(context, number):
    return await context.peer.request("answer", number)


async def count(_context, n):
    for number in range(int(n)):
        yield number


async def cut(context, _value):
    log.append("cut")
    context.peer.cut()
    return "cut"


async def drain(context, code):
    options = {"retry_after": 50, "spread": 20}
    asyncio.ensure_future(context.peer.drain(code, **options))


async def forget(context, _value):
    """Cuts the connection, and forgets all sessions, as a crash would."""
    log.append("forget")
    context.peer.sessions.forget()
    context.peer.cut()


async def hold(_context, _value):
    await asyncio.Event().wait()


async def look(_context, _value):
    lines, log[:] = list(log), []
    return lines + [f"{relay.left} cuts left"]


async def note(_context, number):
    log.append(f"note {number:g}")


async def total(_context, items):
    return sum([item async for item in items])


async def main():
    global relay
    _, port = await serve(
        "127.0.0.1", 0, protocol="trip", grace=5, calls=[Method("answer", "unary")],
        serves={
            "add": ("unary", add), "ask": ("unary", ask),
            "count": ("serverStream", count), "cut": ("unary", cut),
            "drain": ("unary", drain), "forget": ("unary", forget),
            "hold": ("unary", hold), "look": ("unary", look),
            "note": ("notification", note), "total": ("clientStream", total),
        },
    )
    relay = Relay(port, CUTS)
    print(await relay.listen(), port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
