/**
 * Attacks with values of extensions.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { resolveCodecLimits } from "../../lib/messages/codec/codec_limits.ts";
import type { Attack } from "./attack.ts";
import {
  callBudget,
  FRAME,
  LIMITS,
  MESSAGE,
  PROCESS,
  sessionBudget,
  UNSENT,
} from "./budgets.ts";
import { CODECS } from "./codecs.ts";
import { EMPTY, hello, K, message, request, u32 } from "./frames.ts";
import type { RawPeer } from "./raw_peer.ts";
import { answering, ids, inFlight, inParts } from "./scripts.ts";
import { CLIENT_METHODS, M, SERVER_METHODS } from "./target.ts";

const toUtf8 = new TextEncoder();

const text = {
  victim: "server",
  state: "open",
  kind: "REQUEST",
  setup: { codec: "extended json" },
  hello: { codec: CODECS["extended json"].name, methods: SERVER_METHODS },
} as const;
const binary = {
  victim: "server",
  state: "open",
  kind: "REQUEST",
  setup: { codec: "extended msgpack" },
  hello: { codec: CODECS["extended msgpack"].name, methods: SERVER_METHODS },
} as const;
const client = {
  victim: "client",
  state: "open",
  kind: "RESULT",
  setup: { codec: "extended json", use: "calls" },
  hello: {
    codec: CODECS["extended json"].name,
    methods: CLIENT_METHODS,
    role: 1,
  },
} as const;

/** One message and what it may hold when it is decoded. */
const DECODED = MESSAGE + resolveCodecLimits({}).maxHeld;

/** Returns the JSON of a value of an extension. */
function tag(name: string, payload: string): string {
  return `{"$":["${name}",${payload}]}`;
}

/** Returns the JSON of a list. */
function list(count: number, part: (index: number) => string): string {
  return `[${Array.from({ length: count }, (_, at) => part(at))}]`;
}

/** Puts a text into itself. */
function nested(
  depth: number,
  wrap: (inner: string) => string,
  inner: string,
): string {
  for (let level = 0; level < depth; level++) inner = wrap(inner);
  return inner;
}

/** Returns a set of digits that have the same hash in V8. */
function colliding(count: number): Uint8Array {
  const items = list(count, (at) => `"${at * 65_536 % 4_294_967_291}"`);
  return toUtf8.encode(tag("set", items));
}

/** Number of large values, each of which takes a few hundred milliseconds. */
const TIMES = 5;

/** Sends a large value some times, each after the failure of the last one. */
async function* oneByOne(
  peer: RawPeer,
  value: Uint8Array,
  failure: string,
): AsyncGenerator<Uint8Array> {
  for (const id of ids()) {
    if (id > 2 * TIMES) return;
    yield* inParts(peer, id, M.fail, value);
    await peer.saw(failure, (id + 1) / 2);
  }
}

/** The header of a MessagePack value of an extension with an array as payload. */
function taggedArray(name: string, length: number): Uint8Array {
  return concat([
    Uint8Array.of(0x81, 0xa1, 0x24, 0x92, 0xa0 + name.length),
    toUtf8.encode(name),
    Uint8Array.of(0xdd),
    u32(length),
  ]);
}

/** The attacks. */
export const extensionAttacks: readonly Attack[] = [
  {
    ...text,
    name: "items of sets whose hashes collide",
    resource: "time of creating sets",
    atLeast: { "ERROR malformed": TIMES },
    budget: DECODED,
    async *script(peer) {
      yield* oneByOne(peer, colliding(300_000), "ERROR malformed");
    },
  },
  {
    ...text,
    name: "sets with as many items as a message has",
    resource: "items of sets",
    atLeast: { "ERROR internal": TIMES },
    budget: DECODED,
    async *script(peer) {
      const value = tag("set", list(500_000, (at) => `${at}`));
      yield* oneByOne(peer, toUtf8.encode(value), "ERROR internal");
    },
  },
  {
    ...text,
    name: "URLs with long hosts",
    resource: "time of parsing URLs",
    atLeast: { "ERROR malformed": TIMES },
    budget: MESSAGE,
    async *script(peer) {
      const label = Array.from(
        { length: 1_000 },
        (_, at) => String.fromCodePoint(0x4e00 + at),
      ).join("");
      const value = tag("url", `"http://${`${label}.`.repeat(1_300)}/"`);
      yield* oneByOne(peer, toUtf8.encode(value), "ERROR malformed");
    },
  },
  {
    ...text,
    name: "errors whose causes are errors",
    resource: "time of creating errors",
    atLeast: { "ERROR malformed": TIMES },
    budget: DECODED,
    async *script(peer) {
      const chain = nested(
        20,
        (cause) =>
          tag("error", `{"type":"Error","message":"","cause":${cause}}`),
        "1",
      );
      const value = toUtf8.encode(list(3_000, () => chain));
      yield* oneByOne(peer, value, "ERROR malformed");
    },
  },
  {
    ...text,
    name: "values of extensions in each other",
    resource: "depth of extensions",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const value = toUtf8.encode(
        nested(3_000, (inner) => tag("set", `[${inner}]`), "1"),
      );
      yield* inFlight(peer, 16, (id) => request(id, M.echo, value));
    },
  },
  {
    ...text,
    name: "values of extensions that handlers hold",
    resource: "bytes held by values of extensions",
    sees: ["ERROR overloaded"],
    budget: callBudget(1024) + LIMITS.maxInputs + LIMITS.connectionWindow,
    async *script(peer) {
      const value = toUtf8.encode(
        list(1_300, () => tag("error", '{"type":"Error","message":""}')),
      );
      yield* inFlight(peer, 16, (id) => request(id, M.hold, value));
    },
  },
  {
    ...text,
    name: "items with extensions that do not exist",
    resource: "failed creating of values",
    kind: "ITEM",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const item = toUtf8.encode(tag("x".repeat(10_000), "1"));
      for (const id of ids()) {
        await peer.until(() => peer.inFlight < 64);
        peer.inFlight++;
        yield request(id, M.read, EMPTY);
        yield message(K.ITEM, id, item);
      }
    },
  },
  {
    ...text,
    state: "waiting",
    name: "credentials with values of extensions that hold much",
    resource: "credentials with extensions",
    kind: "HELLO",
    hello: null,
    sees: ["GOAWAY unauthenticated"],
    connections: 20,
    total: 60,
    // 16 times maxCredentials, decoded
    budget: sessionBudget(60, FRAME),
    setup: { codec: "extended json", authentication: 1000 },
    *script() {
      const auth = toUtf8.encode(list(230, () => tag("map", "[]")));
      yield hello({ ...text.hello, auth });
    },
  },
  {
    ...binary,
    name: "payloads that state more items than follow",
    resource: "lengths of payloads",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const value = taggedArray("map", 2 ** 32 - 1);
      yield* inFlight(peer, 16, (id) => request(id, M.echo, value));
    },
  },
  {
    ...binary,
    name: "maps with the same key again and again",
    resource: "keys of maps",
    atLeast: { "ERROR malformed": TIMES },
    budget: DECODED,
    async *script(peer) {
      const items = 400_000;
      const value = concat([
        taggedArray("map", items),
        new Uint8Array(items).fill(1),
      ]);
      yield* oneByOne(peer, value, "ERROR malformed");
    },
  },
  {
    ...client,
    name: "results with sets whose hashes collide",
    resource: "time of creating sets",
    sees: ["REQUEST"],
    budget: PROCESS,
    async *script(peer) {
      const value = colliding(10_000);
      yield* answering(
        peer,
        (id) => id > 4_000 ? [] : [message(K.RESULT, id, value)],
      );
    },
  },
];
