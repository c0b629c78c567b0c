/**
 * Attacks with values in JSON.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { FRAME, MESSAGE, PROCESS, sessionBudget, UNSENT } from "./budgets.ts";
import { hello, K, message, request } from "./frames.ts";
import { answering, ids, inFlight, inParts } from "./scripts.ts";
import { CLIENT_METHODS, M, SERVER_METHODS } from "./target.ts";

const toUtf8 = new TextEncoder();

const server = {
  victim: "server",
  state: "open",
  kind: "REQUEST",
  setup: { codec: "json" },
  hello: { codec: "json", methods: SERVER_METHODS },
} as const;
const client = {
  victim: "client",
  state: "open",
  kind: "RESULT",
  setup: { codec: "json", use: "calls" },
  hello: { codec: "json", methods: CLIENT_METHODS, role: 1 },
} as const;

/** Encodes an array of `count` texts. */
function list(count: number, part: (index: number) => string): Uint8Array {
  return toUtf8.encode(
    `[${Array.from({ length: count }, (_, at) => part(at))}]`,
  );
}

/** Strings of digits that have the same hash in V8. */
function colliding(count: number): Uint8Array {
  return list(count, (at) => `"${at * 65_536 % 4_294_967_291}"`);
}

/** The attacks. */
export const jsonAttacks: readonly Attack[] = [
  {
    ...server,
    name: "digits whose hashes collide, in JSON",
    resource: "time of decoding JSON",
    sees: ["ERROR internal"],
    budget: MESSAGE,
    async *script(peer) {
      const value = colliding(200_000);
      for (const id of ids()) {
        yield* inParts(peer, id, M.fail, value);
        await peer.saw("ERROR internal", (id + 1) / 2);
      }
    },
  },
  {
    ...server,
    name: "objects with index keys, in JSON",
    resource: "decoded objects of JSON",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const value = list(6000, () => '{"999":1}');
      yield* inFlight(peer, 16, (id) => request(id, M.hold, value));
    },
  },
  {
    ...server,
    name: "keys that are all different, in JSON",
    resource: "keys of JSON",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const value = list(6000, (at) => `{"k${at}":1}`);
      yield* inFlight(peer, 16, (id) => request(id, M.hold, value));
    },
  },
  {
    ...server,
    name: "arrays in arrays, in JSON",
    resource: "depth of JSON",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const value = toUtf8.encode("[".repeat(100_000));
      yield* inFlight(peer, 16, (id) => request(id, M.echo, value));
    },
  },
  {
    ...server,
    name: "numbers that become infinite, in JSON",
    resource: "range of numbers",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const value = toUtf8.encode(`1${"0".repeat(100_000)}`);
      yield* inFlight(peer, 16, (id) => request(id, M.echo, value));
    },
  },
  {
    ...server,
    name: "items that are not JSON",
    resource: "failed decoding of JSON",
    kind: "ITEM",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const damaged = toUtf8.encode(`["${"\\u0041".repeat(2000)}`);
      for (const id of ids()) {
        await peer.until(() => peer.inFlight < 64);
        peer.inFlight++;
        yield request(id, M.read, new Uint8Array());
        yield message(K.ITEM, id, damaged);
      }
    },
  },
  {
    ...server,
    state: "waiting",
    name: "credentials in JSON that hold much",
    resource: "credentials in JSON",
    kind: "HELLO",
    hello: null,
    sees: ["GOAWAY unauthenticated"],
    connections: 20,
    total: 60,
    // 16 times maxCredentials, decoded
    budget: sessionBudget(60, FRAME),
    setup: { codec: "json", authentication: 1000 },
    *script() {
      const auth = list(1300, () => "[]");
      yield hello({ codec: "json", methods: SERVER_METHODS, auth });
    },
  },
  {
    ...client,
    name: "results whose hashes collide, in JSON",
    resource: "time of decoding JSON",
    sees: ["REQUEST"],
    budget: PROCESS,
    async *script(peer) {
      const value = colliding(10_000);
      yield* answering(peer, (id) => [message(K.RESULT, id, value)]);
    },
  },
];
