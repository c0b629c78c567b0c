/**
 * Rows of streams: items, bytes, and messages to many sessions.
 *
 * @module
 */
import { type ClientSession, connect } from "../../../mod.ts";
import { Bare, readOwned, writeWhole } from "../programs/bare.ts";
import {
  Bench,
  CHUNK,
  Fan,
  ITEM,
  type Item,
  repeat,
} from "../programs/bench_protocol.ts";
import type { Ports } from "../programs/servers.ts";
import { Program } from "../processes.ts";
import {
  expectCount,
  interleave,
  type Outcome,
  perSecond,
  type Row,
} from "../row.ts";

type Session = ClientSession<typeof Bench>;

const ITEMS = 300_000;
const DUPLEX_ITEMS = 60_000;
/** 512 MiB. */
const CHUNKS = 8192;

/** Moves items, and throws unless all of them arrive. */
interface Way {
  /** Name of the bare server. */
  readonly port: keyof Ports;
  readonly amount: number;
  readonly unit: string;
  ours(session: Session): Promise<void>;
  /** Uses a connection of its own. */
  bare(bare: Bare): Promise<void>;
}

async function countItems(items: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const item of items) {
    if ((item as Item).id !== ITEM.id) throw new Error("An item is damaged"); // all are alike
    count++;
  }
  return count;
}

function damaged(bytes: Uint8Array): boolean {
  return bytes[0] !== 7 || bytes[bytes.length - 1] !== 7;
}

const chunk = new Uint8Array(CHUNK).fill(7);

async function bytesDown({ remote }: Session): Promise<void> {
  let bytes = 0;
  for await (const item of remote.bytesDown(CHUNKS)) {
    if (damaged(item)) throw new Error("An item is damaged");
    bytes += item.length;
  }
  expectCount("bytes", bytes, CHUNKS * CHUNK);
}

async function bytesUp({ remote }: Session): Promise<void> {
  const { result } = remote.bytesUp(repeat(chunk, CHUNKS));
  expectCount("bytes", await result, CHUNKS * CHUNK);
}

async function bareUp(bare: Bare): Promise<void> {
  for (const bytes of repeat(chunk, CHUNKS)) await writeWhole(bare.conn, bytes);
  await bare.conn.closeWrite();
  expectCount("bytes", await bare.next(), CHUNKS * CHUNK);
}

const WAYS = {
  down: {
    amount: ITEMS,
    unit: "items/s",
    port: "down",
    async ours({ remote }) {
      expectCount("items", await countItems(remote.down(ITEMS)), ITEMS);
    },
    async bare(bare) {
      bare.send(ITEMS);
      expectCount("items", await countItems(bare.values()), ITEMS);
    },
  },
  up: {
    amount: ITEMS,
    unit: "items/s",
    port: "up",
    async ours({ remote }) {
      const { result } = remote.up(repeat(ITEM, ITEMS));
      expectCount("items", await result, ITEMS);
    },
    async bare(bare) {
      for (const item of repeat(ITEM, ITEMS)) {
        if (bare.put(item)) await bare.flush();
      }
      await bare.flush();
      await bare.conn.closeWrite();
      expectCount("items", await bare.next(), ITEMS);
    },
  },
  both: {
    amount: DUPLEX_ITEMS,
    unit: "items/s",
    port: "both",
    async ours({ remote }) {
      const items = remote.both(repeat(ITEM, DUPLEX_ITEMS));
      expectCount("items", await countItems(items), DUPLEX_ITEMS);
    },
    async bare(bare) {
      const counting = countItems(bare.values());
      for (const item of repeat(ITEM, DUPLEX_ITEMS)) {
        if (bare.put(item)) await bare.flush();
      }
      await bare.flush();
      await bare.conn.closeWrite();
      expectCount("items", await counting, DUPLEX_ITEMS);
    },
  },
  bytesDown: {
    amount: CHUNKS * CHUNK / 1e6,
    unit: "MB/s",
    port: "bytesDown",
    ours: bytesDown,
    async bare(bare) {
      bare.send(CHUNKS);
      const buffer = new Uint8Array(CHUNK);
      let bytes = 0;
      for (let n; (n = await bare.conn.read(buffer)) !== null;) {
        if (damaged(buffer.subarray(0, n))) throw new Error("Damaged bytes");
        bytes += n;
      }
      expectCount("bytes", bytes, CHUNKS * CHUNK);
    },
  },
  ownedDown: {
    amount: CHUNKS * CHUNK / 1e6,
    unit: "MB/s",
    port: "bytesDown",
    ours: bytesDown,
    async bare(bare) {
      bare.send(CHUNKS);
      const bytes = await readOwned(bare.conn, (item) => {
        if (damaged(item)) throw new Error("An item is damaged");
      });
      expectCount("bytes", bytes, CHUNKS * CHUNK);
    },
  },
  bytesUp: {
    amount: CHUNKS * CHUNK / 1e6,
    unit: "MB/s",
    port: "bytesUp",
    ours: bytesUp,
    bare: bareUp,
  },
  ownedUp: {
    amount: CHUNKS * CHUNK / 1e6,
    unit: "MB/s",
    port: "ownedUp",
    ours: bytesUp,
    bare: bareUp,
  },
} satisfies Record<string, Way>;

async function measure(
  way: keyof typeof WAYS,
  rounds: number,
): Promise<Outcome> {
  const { amount, unit, ours, bare, port }: Way = WAYS[way];
  await using servers = Program.start("servers.ts");
  const ports: Ports = await servers.next();
  await using session = await connect(Bench, { port: ports.lengthwise });
  const found = await interleave(
    () => perSecond(amount, () => ours(session)),
    async () => {
      const connection = await Bare.connect(ports[port]);
      const rate = await perSecond(amount, () => bare(connection));
      connection.conn.close();
      return rate;
    },
    rounds,
  );
  return { ...found, unit };
}

const SUBSCRIBERS = 1000;
/** Messages of a round; each is published after the one before has arrived. */
const MESSAGES = 20;

/** Publishes messages to many connections, and waits for all copies of each. */
async function fanOut(rounds: number): Promise<Outcome> {
  await using servers = Program.start("servers.ts");
  const ports: Ports = await servers.next();
  let missing = 0;
  let arrived = () => {};
  const receive = ({ id }: Item) => {
    if (id !== ITEM.id) throw new Error("A message is damaged");
    if (--missing === 0) arrived();
    if (missing < 0) throw new Error("A message arrived twice");
  };
  const publish = (question: string) => async () => {
    return await perSecond(MESSAGES * SUBSCRIBERS, async () => {
      for (let at = 0; at < MESSAGES; at++) {
        const { promise, resolve } = Promise.withResolvers<void>();
        arrived = resolve;
        missing = SUBSCRIBERS;
        await Promise.all([servers.ask(question), promise]);
      }
    });
  };
  const sessions: AsyncDisposable[] = [];
  const bares: Bare[] = [];
  while (sessions.length < SUBSCRIBERS) {
    sessions.push(
      await connect(Fan, { port: ports.fan }, {
        handlers: { message: receive },
      }),
    );
    const bare = await Bare.connect(ports.bareFan);
    bare.receive((value) => receive(value as Item)).catch(() => {}); // what is published; closed at the end
    bares.push(bare);
  }
  const found = await interleave(
    publish("publish"),
    publish("publishBare"),
    rounds,
  );
  for (const { conn } of bares) conn.close();
  await Promise.all(sessions.map((one) => one[Symbol.asyncDispose]()));
  return { ...found, unit: "messages/s" };
}

const BARE_STREAM = "a bare stream with msgpackr and `for await`";
const COPY = "a copy over bare `Deno.Conn`";

const OWNED = "bare reads into memory of each item's own, as items have";

/** The rows. */
export const ROWS: readonly Row[] = [
  {
    name: "stream_down",
    title: "server stream of 100 B objects",
    against: BARE_STREAM,
    target: { least: 1.2 },
    group: "rows",
    measure: ({ rounds = 9 }) => measure("down", rounds),
  },
  {
    name: "stream_up",
    title: "client stream of 100 B objects",
    against: BARE_STREAM,
    target: { least: 1 },
    group: "rows",
    measure: ({ rounds = 9 }) => measure("up", rounds),
  },
  {
    name: "stream_both",
    title: "duplex stream of 100 B objects, echoed",
    against: BARE_STREAM,
    target: { least: 1 },
    group: "rows",
    measure: ({ rounds = 9 }) => measure("both", rounds),
  },
  {
    name: "bytes_down",
    title: "server stream of 64 KiB byte items",
    against: COPY,
    target: { least: 0.9 },
    group: "rows",
    measure: ({ rounds = 9 }) => measure("bytesDown", rounds),
  },
  {
    name: "bytes_up",
    title: "client stream of 64 KiB byte items",
    against: COPY,
    target: { least: 0.9 },
    group: "rows",
    measure: ({ rounds = 9 }) => measure("bytesUp", rounds),
  },
  {
    name: "bytes_down_owned",
    title: "server stream of 64 KiB byte items",
    against: OWNED,
    group: "rows",
    measure: ({ rounds = 9 }) => measure("ownedDown", rounds),
  },
  {
    name: "bytes_up_owned",
    title: "client stream of 64 KiB byte items",
    against: OWNED,
    group: "rows",
    measure: ({ rounds = 9 }) => measure("ownedUp", rounds),
  },
  {
    name: "fan_out",
    title: "broadcast of a 100 B message to 1,000 sessions",
    against: "bare writes of the message to 1,000 connections",
    target: { least: 1 },
    group: "rows",
    measure: ({ rounds = 9 }) => fanOut(rounds),
  },
];
