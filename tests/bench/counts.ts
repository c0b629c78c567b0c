/**
 * Counts what calls and streams cost: bytes allocated, reads, writes, and the
 * heap of an idle session. Counts do not depend on the speed of the machine.
 *
 * ```sh
 * deno task bench:counts
 * ```
 *
 * Both ends are in this process, so each number is the sum of both. Time does not
 * pass, so no turn ends by time. V8 runs without its optimizing compilers, which
 * remove some allocations at times that vary, and with a young generation that
 * no round fills. A round in which garbage was collected is repeated.
 *
 * Exits with an error if a number is larger than its limit. Lower the limit when
 * a change lowers the number; a change that raises it must say why.
 *
 * @module
 */
import {
  clientStream,
  connect,
  createServer,
  duplex,
  notification,
  protocol,
  serverStream,
  unary,
} from "../../mod.ts";
import type { ClientSession } from "../../mod.ts";
import { memoryPair, virtualTime } from "../../lib/testing/mod.ts";

/** Set by the flag `--expose-gc`. */
declare const gc: () => void;

/** About 110 bytes as JSON. */
const ORDER = {
  id: 184_467,
  customer: "c-20931",
  sku: "WIDGET-BLUE-42",
  quantity: 3,
  price: 1299,
  currency: "EUR",
  paid: true,
};

const Counted = protocol({
  name: "counted",
  server: {
    echo: unary<unknown, unknown>(),
    down: serverStream<number, unknown>(),
    up: clientStream<unknown, number>(),
    both: duplex<unknown, unknown>(),
    note: notification<unknown>(),
    bytesDown: serverStream<number, Uint8Array>(),
    bytesUp: clientStream<Uint8Array, number>(),
  },
});

/** A protocol like that of a large program. */
const METHODS = 500;
const Large = protocol({
  name: "large",
  server: Object.fromEntries(
    Array.from({ length: METHODS }, (_, at) => [`method${at}`, unary()]),
  ),
});

type Remote = ClientSession<typeof Counted>["remote"];

/** Calls or items of a round; few enough that no garbage is collected. */
const ROUND = 1000;
/** Items of a round that are 64 KiB long, for the same reason. */
const CHUNKS = 50;
const ROUNDS = 5;
const SESSIONS = 400;

const CHUNK = new Uint8Array(64 * 1024);

function* chunks(count: number): Generator<Uint8Array> {
  for (let at = 0; at < count; at++) yield CHUNK;
}

/** A kind of calls or items, with its limits. */
interface Kind {
  readonly name: string;
  /** Number of items of a round. @default {ROUND} */
  readonly round?: number;
  /** Makes the calls of a round, or streams as many items. */
  run(remote: Remote): Promise<void>;
  /** Most bytes allocated for one of them. */
  readonly bytes: number;
  /** Most reads for 1,000 of them. */
  readonly reads: number;
  /** Most writes for 1,000 of them. */
  readonly writes: number;
}

/** Makes calls, so many at a time. */
async function calls(remote: Remote, inFlight: number): Promise<void> {
  let begun = 0;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (begun < ROUND) {
      begun++;
      await remote.echo(ORDER);
    }
  }));
}

function* orders(): Generator<unknown> {
  for (let at = 0; at < ROUND; at++) yield ORDER;
}

const KINDS: readonly Kind[] = [
  {
    name: "unary calls, 1 in flight",
    run: (remote) => calls(remote, 1),
    bytes: 13_400,
    reads: 2000,
    writes: 2000,
  },
  {
    name: "unary calls, 64 in flight",
    run: (remote) => calls(remote, 64),
    bytes: 6_000,
    reads: 92,
    writes: 92,
  },
  {
    name: "items of a server stream",
    async run(remote) {
      for await (const _ of remote.down(ROUND));
    },
    bytes: 2_800,
    reads: 30,
    writes: 30,
  },
  {
    name: "items of a client stream",
    async run(remote) {
      await remote.up(orders()).result;
    },
    bytes: 2_300,
    reads: 24,
    writes: 24,
  },
  {
    name: "items of a duplex stream, both ways",
    async run(remote) {
      for await (const _ of remote.both(orders()));
    },
    bytes: 5_500,
    reads: 95,
    writes: 95,
  },
  {
    name: "notifications",
    async run(remote) {
      for (let at = 0; at < ROUND; at++) await remote.note(ORDER);
      await remote.echo(null);
    },
    bytes: 2_750,
    reads: 18,
    writes: 18,
  },
  {
    name: "items of 64 KiB of a server stream",
    round: CHUNKS,
    async run(remote) {
      let bytes = 0;
      for await (const { length } of remote.bytesDown(CHUNKS)) bytes += length;
      if (bytes !== CHUNKS * CHUNK.length) throw new Error(`${bytes} arrived`);
    },
    bytes: 21_600,
    reads: 3_060,
    writes: 3_060,
  },
  {
    name: "items of 64 KiB of a client stream",
    round: CHUNKS,
    async run(remote) {
      const bytes = await remote.bytesUp(chunks(CHUNKS)).result;
      if (bytes !== CHUNKS * CHUNK.length) throw new Error(`${bytes} arrived`);
    },
    bytes: 20_800,
    reads: 3_060,
    writes: 3_060,
  },
];

/** Most bytes of heap of an idle session. */
const SESSION = 31_000;
/** The same with {@linkcode METHODS} methods. */
const LARGE_SESSION = 48_500;

const server = createServer(Counted).handle({
  echo: (value) => value,
  async *down(count) {
    for (let at = 0; at < count; at++) yield ORDER;
  },
  async up(items) {
    let count = 0;
    for await (const _ of items) count++;
    return count;
  },
  async *both(items) {
    yield* items;
  },
  note() {},
  async *bytesDown(count) {
    yield* chunks(count);
  },
  async bytesUp(items) {
    let bytes = 0;
    for await (const { length } of items) bytes += length;
    return bytes;
  },
});

const large = createServer(Large).handle(
  Object.fromEntries(
    Object.keys(Large.server).map((name) => [name, () => {}]),
  ),
);

/** Reads and writes of both ends. */
const io = { reads: 0, writes: 0 };

/** Opens a session of the server with many methods. */
function openLarge(): Promise<ClientSession<typeof Large>> {
  const [near, far] = memoryPair();
  large.accept(far);
  return connect(Large, near);
}

/** Opens a session whose reads and writes are counted. */
function open(): Promise<ClientSession<typeof Counted>> {
  const [near, far] = memoryPair();
  for (const connection of [near, far]) {
    const read = connection.read.bind(connection);
    const write = connection.write.bind(connection);
    connection.read = (buffer) => {
      io.reads++;
      return read(buffer);
    };
    connection.write = (bytes) => {
      io.writes++;
      return write(bytes);
    };
  }
  server.accept(far);
  return connect(Counted, near);
}

/** Bytes allocated, reads and writes of a round. */
interface Counts {
  readonly bytes: number;
  readonly reads: number;
  readonly writes: number;
}

async function round(kind: Kind, remote: Remote): Promise<Counts> {
  for (;;) {
    gc();
    const before = Deno.memoryUsage().heapUsed;
    io.reads = io.writes = 0;
    await kind.run(remote);
    const bytes = (Deno.memoryUsage().heapUsed - before) /
      (kind.round ?? ROUND);
    if (bytes > 0) return { bytes, ...io }; // otherwise garbage was collected
  }
}

async function count(kind: Kind, remote: Remote): Promise<Counts> {
  await kind.run(remote); // allocates what later rounds use again
  const rounds: Counts[] = [];
  while (rounds.length < ROUNDS) rounds.push(await round(kind, remote));
  const median = (name: keyof Counts) =>
    rounds.map((one) => one[name]).sort((a, b) => a - b)[ROUNDS >> 1]!;
  return {
    bytes: Math.round(median("bytes")),
    reads: Math.round(1000 * median("reads") / (kind.round ?? ROUND)),
    writes: Math.round(1000 * median("writes") / (kind.round ?? ROUND)),
  };
}

/** Returns the heap of an idle session, with both ends. */
async function idle(
  open: () => Promise<{ close(): Promise<void> }>,
): Promise<number> {
  const sessions = [await open()];
  const held = () => {
    // The first one does not count the buffers that it frees.
    for (let round = 0; round < 3; round++) gc();
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  const before = held();
  while (sessions.length <= SESSIONS) sessions.push(await open());
  const bytes = (held() - before) / SESSIONS;
  for (const session of sessions) await time.run(session.close());
  return Math.round(bytes);
}

const time = virtualTime();
const failures: string[] = [];

function check(name: string, found: number, limit: number): string {
  if (found > limit) failures.push(`${name}: ${found}, but at most ${limit}`);
  return `${found} (${limit})`;
}

console.log("Counts of both ends; limits in parentheses\n");
console.log(
  "| what | bytes allocated for one | reads for 1,000 | writes for 1,000 |",
);
console.log("| --- | ---: | ---: | ---: |");
const session = await open();
let idleSessions: readonly string[] = [];
for (const kind of KINDS) {
  if (kind.round !== undefined && idleSessions.length === 0) {
    // Before large buffers are allocated, whose memory is freed at any later time.
    idleSessions = [
      check("an idle session", await idle(open), SESSION),
      check("with many methods", await idle(openLarge), LARGE_SESSION),
    ];
  }
  const found = await count(kind, session.remote);
  const cells = (["bytes", "reads", "writes"] as const).map((column) =>
    check(`${kind.name}, ${column}`, found[column], kind[column])
  );
  console.log(`| ${[kind.name, ...cells].join(" | ")} |`);
}
await time.run(session.close());
const [one, many] = idleSessions;
console.log(
  `\nAn idle session holds ${one} bytes, with ${METHODS} methods ${many}`,
);
await time.run(server.shutdown());
await time.run(large.shutdown());
for (const failure of failures) console.log(`FAILED: ${failure}`);
Deno.exit(failures.length === 0 ? 0 : 1);
