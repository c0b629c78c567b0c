"""Serves payments at most once. Prints its port, then runs until stdin ends.

It cuts the connection of each first attempt of a payment above 100.
"""

import asyncio
import sys

from lengthwise import Store, serve

runs = []


async def pay(context, amount):
    runs.append(f"receipt {len(runs)} for {amount}")
    receipt = runs[-1]
    if amount > 100:
        context.peer._writer.transport.abort()
        await asyncio.sleep(0.05)
    return receipt


async def look(_context, _value):
    return list(runs)


async def main():
    _, port = await serve(
        "127.0.0.1", 0, protocol="bank", once=Store(), runs_once=("pay",),
        serves={"look": ("unary", look), "pay": ("unary", pay)},
    )
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
