/**
 * The default log of a server under peers that cause errors as fast as they can.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  notification,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";

const Failing = protocol({
  name: "failing",
  server: { fail: unary<string, void>(), note: notification<string>() },
});

/** Runs a function; returns what it prints with `console.error`. */
async function printed(run: () => Promise<void>): Promise<string[]> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (...args: unknown[]) => void lines.push(args.join(" "));
  try {
    await run();
  } finally {
    console.error = error;
  }
  return lines;
}

Deno.test("a server prints few of the incidents that its peers cause together", async () => {
  const SESSIONS = 4, CALLS = 250;
  const fail = (text: string) => {
    throw new Error(`\x1b[2J${text}\nIncident 2: forged`);
  };
  const server = createServer(Failing).handle({ fail, note: fail });
  const start = performance.now();
  const lines = await printed(async () => {
    await Promise.all(Array.from({ length: SESSIONS }, async () => {
      const [near, far] = memoryPair();
      server.accept(far);
      const session = await connect(Failing, near);
      const calls = Array.from(
        { length: CALLS },
        (_, n) => session.remote.fail(`${n}`),
      );
      for (let n = 0; n < CALLS; n++) await session.remote.note("note");
      const settled = await Promise.allSettled(calls);
      assert(settled.every(({ status }) => status === "rejected"));
      await session.close();
    }));
    await server.shutdown();
  });
  // A burst of 20 incidents, and 5 a second after that.
  const most = 21 + Math.ceil((performance.now() - start) / 200);
  assert(lines.length >= 20 && lines.length <= most, `${lines.length} lines`);
  assert(lines.length < SESSIONS * CALLS / 4, `${lines.length} lines`);
  for (const line of lines) {
    assertEquals(/[^\P{Cc}\n]/u.test(line), false, line);
    assertEquals(/\nIncident/.test(line.replace(/^\(.*\)\n/, "")), false, line);
  }
});
