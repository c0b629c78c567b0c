/**
 * Calls that run at most once, between the library and the peer in Python.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  CallError,
  connect,
  createClient,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";
import {
  runTheirClient,
  runTheirServer,
  type Start,
  starter,
} from "./python_programs.ts";

const Bank = protocol({
  name: "bank",
  server: {
    look: unary<void, string[]>(),
    pay: unary<number, string>({ once: true }),
  },
});

/** Runs both halves; returns whether all scenarios have passed. */
export async function testOnce(
  python: string,
  folder: URL,
): Promise<boolean> {
  const start = starter(python, folder);
  console.log("── calls that run at most once: client in Python");
  const theirs = await theirClient(start);
  console.log("── calls that run at most once: server in Python");
  const ours = await ourClient(start);
  return theirs && ours;
}

async function theirClient(start: Start): Promise<boolean> {
  const runs: string[] = [];
  await using server = await serve(Bank, { port: 0 }).handle({
    look: () => runs,
    async pay(amount, { session }) {
      const receipt = `receipt ${runs.length} for ${amount}`;
      runs.push(receipt);
      if (amount > 100) void session.close("cut");
      return await Promise.resolve(receipt);
    },
  });
  return await runTheirClient(start, "once_client.py", `${server.addr.port}`);
}

function ourClient(start: Start): Promise<boolean> {
  return runTheirServer(
    start,
    "once_server.py",
    SCENARIOS,
    (run, [port = 0]) => run({ port }),
  );
}

const SCENARIOS: Record<string, (address: { port: number }) => Promise<void>> =
  {
    async "a lost call is repeated, and runs once"(address) {
      await using client = createClient(Bank, address, {
        reconnect: { minDelay: 5, maxDelay: 20, spread: 0 },
      });
      const receipts = [
        await client.remote.pay(101),
        await client.remote.pay(102),
        await client.remote.pay(3),
      ];
      const runs = await client.remote.look();
      assertEquals(runs.filter((run) => receipts.includes(run)), receipts);
      assertEquals(runs.filter((run) => /for 10[12]$/.test(run)).length, 2);
    },
    async "a key joins, and another input conflicts"(address) {
      await using session = await connect(Bank, address);
      const pay = (cents: number) =>
        session.remote.pay(cents, { key: "order-18" });
      assertEquals(await pay(5), await pay(5));
      const error = await pay(6).catch((error) => error);
      assert(error instanceof CallError);
      assertEquals([error.code, error.processed], ["conflict", "no"]);
    },
    async "a call without ONCE runs as any other"(address) {
      await using session = await connect(Bank, address);
      assert(await session.remote.pay(7) !== await session.remote.pay(7));
    },
  };
