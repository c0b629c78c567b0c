/**
 * The servers of the rows: this library's, and a bare one for each kind of call.
 * Prints the ports; a line of input publishes a message to the subscribers of one
 * of the two, or collects garbage, and is answered by the memory in use.
 *
 * ```sh
 * deno run --allow-net tests/bench/programs/servers.ts 127.0.0.1 [PORT]
 * ```
 *
 * With a port, this library's server has that port, and the bare servers have the
 * ones after it, in the order of `PORTS`.
 *
 * @module
 */
import { serve } from "../../../mod.ts";
import { questions } from "../processes.ts";
import { Bare, frameOf, readOwned, writeWhole } from "./bare.ts";
import {
  Bench,
  CHUNK,
  Fan,
  ITEM,
  type Item,
  type Order,
  repeat,
} from "./bench_protocol.ts";

/** The servers in the order of their ports. */
export const PORTS = [
  "lengthwise",
  "fan",
  "echo",
  "down",
  "up",
  "both",
  "bytesDown",
  "bytesUp",
  "ownedUp",
  "bareFan",
  "accept",
] as const;

/** Ports by the names of the servers. */
export type Ports = Record<typeof PORTS[number], number>;

/** Creates the handlers of {@linkcode Bench}. */
export function handlers() {
  const chunk = new Uint8Array(CHUNK).fill(7);
  return {
    echo: (order: Order) => order,
    async *down(count: number) {
      yield* repeat(ITEM, count);
    },
    async up(items: AsyncIterable<Item>) {
      let count = 0;
      for await (const _ of items) count++;
      return count;
    },
    async *both(items: AsyncIterable<Item>) {
      for await (const item of items) yield item;
    },
    async *bytesDown(count: number) {
      yield* repeat(chunk, count);
    },
    async bytesUp(items: AsyncIterable<Uint8Array>) {
      let bytes = 0;
      for await (const { length } of items) bytes += length;
      return bytes;
    },
  };
}

const subscribers = new Set<Bare>();

/** Bare servers by name. */
const BARE: Partial<Record<keyof Ports, (bare: Bare) => Promise<void>>> = {
  echo: (bare) => bare.receive((value) => bare.send(value)),
  async down(bare) {
    const count = await bare.next();
    for (const item of repeat(ITEM, count)) {
      if (bare.put(item)) await bare.flush();
    }
    await bare.flush();
  },
  async up(bare) {
    let count = 0;
    for await (const _ of bare.values()) count++;
    bare.put(count);
    await bare.flush();
  },
  async both(bare) {
    for await (const item of bare.values()) bare.send(item);
    await bare.flush();
  },
  async bytesDown(bare) {
    const count = await bare.next();
    const chunk = new Uint8Array(CHUNK).fill(7);
    for (const bytes of repeat(chunk, count)) {
      await writeWhole(bare.conn, bytes);
    }
  },
  async bytesUp(bare) {
    const buffer = new Uint8Array(CHUNK);
    let bytes = 0;
    for (let n; (n = await bare.conn.read(buffer)) !== null;) bytes += n;
    bare.put(bytes);
    await bare.flush();
  },
  async ownedUp(bare) {
    bare.put(await readOwned(bare.conn, () => {}));
    await bare.flush();
  },
  async bareFan(bare) {
    subscribers.add(bare);
    await bare.receive(() => {});
    subscribers.delete(bare);
  },
  async accept(bare) {
    const buffer = new Uint8Array(2048);
    for (let n; (n = await bare.conn.read(buffer)) !== null;) {
      await writeWhole(bare.conn, buffer.subarray(0, n));
    }
  },
};

/** Writes one message to each bare subscriber. */
async function publishBare(): Promise<void> {
  const packed = frameOf(ITEM);
  await Promise.all(
    Array.from(subscribers, ({ conn }) => writeWhole(conn, packed)),
  );
}

/** Serves connections of one kind, and returns the port. */
function serveBare(
  listener: Deno.Listener<Deno.Conn>,
  use: (bare: Bare) => Promise<void>,
): void {
  (async () => {
    for await (const conn of listener) {
      if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
      // A client may leave in the middle; clients check that nothing is missing.
      use(new Bare(conn)).catch(() => {}).finally(() => conn.close());
    }
  })();
}

if (import.meta.main) {
  const [hostname = "127.0.0.1", text = "0"] = Deno.args;
  const port = Number(text);
  const at = (name: keyof Ports) => port === 0 ? 0 : port + PORTS.indexOf(name);
  const limits = { maxSessions: 20_000 };
  const ours = await serve(Bench, { hostname, port }, limits).handle(
    handlers(),
  );
  const fan = await serve(Fan, { hostname, port: at("fan") }, limits).handle(
    {},
  );
  const ports: Record<string, number> = {
    lengthwise: ours.addr.port!, // it listens on TCP
    fan: fan.addr.port!, // as above
  };
  for (const [name, use] of Object.entries(BARE)) {
    const listener = Deno.listen({ hostname, port: at(name as keyof Ports) });
    serveBare(listener, use);
    ports[name] = listener.addr.port;
  }
  console.log(JSON.stringify(ports));
  for await (const question of questions()) {
    if (question === "publish") fan.broadcast.message(ITEM);
    else if (question === "publishBare") await publishBare();
    else if (question === "memory") {
      // Set by --expose-gc.
      for (let round = 0; round < 3; round++) Reflect.get(globalThis, "gc")();
    } else throw new Error(`Unknown question ${JSON.stringify(question)}`);
    const { rss, heapUsed } = Deno.memoryUsage();
    console.log(JSON.stringify({ rss, heapUsed }));
  }
}
