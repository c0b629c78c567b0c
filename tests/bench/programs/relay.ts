/**
 * A relay over TCP that delays bytes and limits their rate in each direction, for
 * machines without an emulated link. The sockets at both of its sides buffer
 * further bytes, as far as the system lets them.
 *
 * ```sh
 * deno run --allow-net tests/bench/programs/relay.ts '{"delay":10,"rate":25e6,"queue":250000}' 7000 7001
 * ```
 *
 * Prints a port for each port of a server.
 *
 * @module
 */
import { type LinkOptions, LinkQueue } from "../link_queue.ts";
import { writeWhole } from "./bare.ts";

const CHUNK = 16 * 1024;

/** Copies one direction until its end, and ends the other socket's input then. */
export async function copy(
  from: Deno.Conn,
  to: Deno.Conn,
  options: LinkOptions,
): Promise<void> {
  const queue = new LinkQueue(options);
  const waiting: { bytes: Uint8Array | null; due: number }[] = [];
  let wake = () => {};
  const writing = (async () => {
    for (;;) {
      const next = waiting.shift();
      if (next === undefined) {
        await new Promise<void>((resolve) => wake = resolve);
        continue;
      }
      await until(next.due);
      if (next.bytes === null) return await to.closeWrite();
      await writeWhole(to, next.bytes);
    }
  })();
  const put = (bytes: Uint8Array | null) => {
    waiting.push({
      bytes,
      due: queue.take(bytes?.length ?? 0, performance.now()),
    });
    wake();
  };
  const reading = (async () => {
    for (;;) {
      await until(performance.now() + queue.full(performance.now()));
      const buffer = new Uint8Array(CHUNK);
      const count = await from.read(buffer);
      put(count === null ? null : buffer.subarray(0, count));
      if (count === null) return;
    }
  })();
  await Promise.all([reading, writing]);
}

/** Waits until a time; timers are rounded to 1 ms. */
async function until(time: number): Promise<void> {
  const ms = time - performance.now();
  if (ms > 0.5) await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Relays connections to a port, and returns the relay's own port. */
export function relay(
  port: number,
  options: LinkOptions,
): { port: number; close(): Promise<void> } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const inner of listener) {
      const outer = await Deno.connect({ hostname: "127.0.0.1", port });
      inner.setNoDelay(true);
      outer.setNoDelay(true);
      open.push(both(inner, outer, options));
    }
  })();
  return {
    port: listener.addr.port,
    /** Waits for the connections, which end with both of their directions. */
    async close() {
      listener.close();
      await accepting;
      await Promise.all(open);
    },
  };
}

async function both(
  inner: Deno.Conn,
  outer: Deno.Conn,
  options: LinkOptions,
): Promise<void> {
  const end = () => {
    for (const conn of [inner, outer]) {
      try {
        conn.close();
      } catch {
        // The other direction has closed it.
      }
    }
  };
  // If one end is lost, so is the other.
  await Promise.all(
    [copy(inner, outer, options), copy(outer, inner, options)]
      .map((copying) => copying.catch(end)),
  );
  end();
}

if (import.meta.main) {
  const [options = "", ...ports] = Deno.args;
  const parsed: LinkOptions = JSON.parse(options);
  console.log(
    JSON.stringify(ports.map((port) => relay(Number(port), parsed).port)),
  );
}
