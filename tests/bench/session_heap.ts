/**
 * Compares what sessions charge for the things that a client makes them hold
 * with the heap. The frames are written by hand.
 *
 * ```sh
 * deno task held
 * ```
 *
 * Exits with an error if a kind holds more than is charged, or less than half.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import {
  clientStream,
  createServer,
  notification,
  protocol,
  serverStream,
  unary,
} from "../../lib/messages/mod.ts";
import type { Connection } from "../../lib/transport/connection.ts";
import type { Session } from "../../lib/messages/session/session.ts";
import type { SessionLimits } from "../../lib/messages/session/wire/limits.ts";
import {
  bin,
  EMPTY,
  encode,
  fields,
  frame,
  hello,
  K,
  message,
  MORE,
  notify,
  request,
  u16,
} from "../attacks/frames.ts";
import { encodeMetadata } from "../../lib/messages/session/wire/metadata.ts";

const gc = (globalThis as { gc?: () => void }).gc; // set by --expose-gc

/** Limits with which nothing ends during the measurement. */
const PATIENT: Partial<SessionLimits> = {
  queueTimeout: 2 ** 31 - 1,
  assemblyTimeout: 2 ** 31 - 1,
  heartbeat: 2 ** 31 - 1,
  pendingHeartbeat: 2 ** 31 - 1,
  writeStall: 2 ** 31 - 1,
};

/** Bytes that the session itself and other parts of the process take. */
const SLACK = 256 * 1024;

const ADDR = { transport: "tcp", hostname: "127.0.0.1", port: 1 } as const;

const P = protocol({
  name: "held",
  server: {
    hold: unary<unknown, void>(),
    give: unary<number, Uint8Array>(),
    up: clientStream<unknown, void>(),
    down: serverStream<number, Uint8Array>(),
    note: notification<unknown>(),
    call: unary<number, void>(),
  },
  client: { ask: unary<Uint8Array, void>() },
});

/** Numbers of the methods in the order of the HELLO below. */
const M = { hold: 0, give: 1, up: 2, down: 3, note: 4, call: 5 };
const METHODS = [
  ["hold", 0],
  ["give", 0],
  ["up", 3],
  ["down", 2],
  ["note", 1],
  ["call", 0],
] as const;

/** A connection whose client is a list of bytes to read. */
class Script implements Connection {
  readonly localAddr = ADDR;
  readonly remoteAddr = ADDR;
  readonly #chunks: Uint8Array[] = [];
  #wake: () => void = () => {};
  #at = 0;
  /** Whether the client takes what is written. */
  takes = true;

  /** Lets the server read these bytes. */
  put(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#wake();
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#chunks.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const [chunk] = this.#chunks;
    const part = chunk!.subarray(this.#at, this.#at + into.length); // not empty
    into.set(part);
    this.#at += part.length;
    if (this.#at === chunk!.length) { // as above
      this.#chunks.shift();
      this.#at = 0;
    }
    return part.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.takes ? Promise.resolve(bytes.length) : new Promise(() => {});
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {}

  [Symbol.dispose](): void {}
}

/** A kind of thing that sessions hold. */
interface Kind {
  readonly name: string;
  readonly count: number;
  readonly limits?: Partial<SessionLimits>;
  readonly hello?: Parameters<typeof hello>[0];
  /** Number of sessions. @default {1} */
  readonly sessions?: number;
  readonly takes?: boolean;
  /** The frame with this index. */
  frame(index: number): Uint8Array;
}

/** The id of a frame with this index; call 1 shows the size of a result. */
const id = (index: number) => 2 * index + 3;

/** Opens a stream and sends one item in it. */
function item(index: number, value: Uint8Array, flags = 0): Uint8Array {
  return concat([
    request(id(index), M.up, EMPTY),
    message(K.ITEM, id(index), value, flags),
  ]);
}

const NIL = encode(null);
/** Fields with 40 pairs of metadata. */
const metadata = fields([
  2,
  encodeMetadata(
    Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`key-${n}`, ""])),
    8192,
  ),
]);
const record = encode({ sku: "A-1", name: "a lamp", cents: 1999, left: 4 });

const KINDS: readonly Kind[] = [
  {
    name: "calls in progress",
    count: 1000,
    frame: (n) => request(id(n), M.hold),
  },
  {
    name: "metadata",
    count: 1000,
    frame: (n) => request(id(n), M.hold, NIL, metadata),
  },
  {
    name: "inputs: records",
    count: 1000,
    frame: (n) => request(id(n), M.hold, record),
  },
  {
    name: "inputs: 10 KB",
    count: 900,
    frame: (n) => request(id(n), M.hold, bin(10_000)),
  },
  { name: "unread items: 10 B", count: 500, frame: (n) => item(n, bin(10)) },
  {
    name: "unread items: many in a stream",
    count: 400,
    frame: (n) =>
      concat([
        n === 0 ? request(3, M.up, EMPTY) : EMPTY,
        message(K.ITEM, 3, bin(10)),
      ]),
  },
  {
    name: "unread items: 5 KB",
    count: 500,
    frame: (n) => item(n, bin(5000)),
  },
  {
    name: "parts of items: 5 KB",
    count: 500,
    frame: (n) => item(n, bin(5000), MORE),
  },
  {
    name: "parts of requests: 5 KB",
    count: 500,
    frame: (n) => request(id(n), M.hold, bin(5000), undefined, MORE),
  },
  {
    name: "parts of requests: 1 B",
    count: 1000,
    frame: (n) => request(id(n), M.hold, EMPTY, undefined, MORE),
  },
  {
    name: "waiting requests: 100 B",
    count: 1000,
    limits: { maxInputs: 65_536 },
    frame: (n) => request(id(n), M.hold, bin(n === 0 ? 65_536 : 100)),
  },
  {
    name: "waiting requests: 4 KB",
    count: 900,
    limits: { maxInputs: 65_536 },
    frame: (n) => request(id(n), M.hold, bin(n === 0 ? 65_536 : 4000)),
  },
  {
    name: "running notifications",
    count: 1000,
    frame: () => notify(M.note, record),
  },
  {
    name: "waiting notifications: 100 B",
    count: 4000,
    limits: { maxCalls: 32 },
    frame: () => notify(M.note, bin(100)),
  },
  {
    name: "waiting notifications: metadata",
    count: 1000,
    limits: { maxCalls: 32 },
    frame: () => frame(K.NOTIFY, 0, concat([u16(M.note), metadata, NIL])),
  },
  {
    name: "unread results: 1 KB",
    count: 1000,
    takes: false,
    frame: (n) => request(id(n), M.give, encode(1000)),
  },
  {
    name: "unread results: 100 KB",
    count: 100,
    takes: false,
    frame: (n) => request(id(n), M.give, encode(100_000)),
  },
  {
    name: "items without credit: 100 KB",
    count: 100,
    hello: { streamWindow: 1024, itemsWindow: 65_536 },
    frame: (n) => request(id(n), M.down, encode(100_000)),
  },
  {
    name: "calls to the client that wait",
    count: 80,
    hello: { maxCalls: 32 },
    frame: (n) => request(id(n), M.call, encode(1000)),
  },
];

const forever = new Promise<never>(() => {});

/** Opens sessions and lets them hold things; returns them with the server. */
async function hold(kind: Kind): Promise<Holding> {
  const server = createServer(P, {
    limits: { ...PATIENT, ...kind.limits },
  }).handle({
    hold: (input) => input === "first" ? undefined : forever,
    give: async (size) => {
      await undefined;
      return new Uint8Array(size);
    },
    up: () => forever,
    async *down(size) {
      for (;;) yield new Uint8Array(size);
    },
    note: () => forever,
    call: (size, { remote }) => remote.ask(new Uint8Array(size)),
  });
  const scripts: Script[] = [];
  for (let at = 0; at < (kind.sessions ?? 1); at++) {
    const script = new Script();
    scripts.push(script);
    server.accept(script);
    script.put(hello({
      methods: METHODS,
      entries: EMPTY,
      ...kind.hello,
    }));
    script.put(request(1, M.hold, encode("first")));
  }
  while ([...server.sessions].length < scripts.length) await settle();
  for (const script of scripts) script.takes = kind.takes ?? true;
  for (let at = 0; at < kind.count; at++) {
    for (const script of scripts) script.put(kind.frame(at));
    if (at % 100 === 0) await settle();
  }
  await settle();
  await new Promise((resolve) => setTimeout(resolve, 1000)); // unknown sizes
  return { server, scripts };
}

interface Holding {
  readonly server: { readonly sessions: Iterable<unknown> };
  readonly scripts: readonly Script[];
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

async function heap(): Promise<number> {
  await settle();
  for (let round = 0; round < 3; round++) gc?.();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Returns the heap bytes that sessions charge. */
function charged({ server }: Holding): number {
  let sum = 0;
  for (const session of server.sessions) {
    // The implementation of a session has the core as a member.
    sum += (session as { readonly session: Session }).session.held;
  }
  return sum;
}

if (import.meta.main) {
  let failures = 0;
  const kept: Holding[] = []; // so that nothing is collected
  await hold({ ...KINDS[1]!, count: 10 }); // compiles what is used
  console.log(`| kind | held, KiB | charged, KiB | ratio |`);
  console.log(`| --- | ---: | ---: | ---: |`);
  const [word = ""] = Deno.args;
  for (const kind of KINDS.filter(({ name }) => name.includes(word))) {
    const before = await heap();
    const holding = await hold(kind);
    kept.push(holding);
    const held = await heap() - before;
    const sum = charged(holding);
    const fits = held <= sum + SLACK && sum <= 2 * held + SLACK;
    if (!fits) failures++;
    const cells = [held, sum].map((bytes) => (bytes / 1024).toFixed(0));
    console.log(
      `| ${kind.name} | ${cells.join(" | ")} | ${(sum / held).toFixed(2)} |${
        fits ? "" : " FAILED"
      }`,
    );
  }
  Deno.exit(failures === 0 ? 0 : 1);
}
