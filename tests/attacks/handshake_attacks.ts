/**
 * Attacks on a server before it has accepted the client.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Attack } from "./attack.ts";
import { EARLY, FRAME, sessionBudget } from "./budgets.ts";
import {
  EMPTY,
  encode,
  entry,
  frame,
  hello,
  K,
  notify,
  request,
  u32,
} from "./frames.ts";
import { every, flood, times } from "./scripts.ts";
import { M, SERVER_METHODS } from "./target.ts";

const SLOW = encode("slow");
const waiting = { victim: "server", state: "waiting", hello: null } as const;
const authenticating = {
  victim: "server",
  state: "authenticating",
  hello: null,
} as const;

/** The attacks. */
export const handshakeAttacks: readonly Attack[] = [
  {
    ...waiting,
    name: "connections that send nothing",
    resource: "connections",
    kind: "none",
    limits: ["handshakeTimeout"],
    sees: ["GOAWAY timeout"],
    connections: 100,
    total: 200,
    budget: sessionBudget(200),
    setup: { limits: { handshakeTimeout: 300 } },
    *script() {},
  },
  {
    ...waiting,
    name: "a HELLO, byte by byte",
    resource: "time of a handshake",
    kind: "HELLO",
    sees: ["GOAWAY timeout"],
    connections: 100,
    total: 200,
    budget: sessionBudget(200),
    setup: { limits: { handshakeTimeout: 300 } },
    async *script(peer) {
      const bytes = hello();
      let at = 0;
      yield* every(peer, 10, () => bytes.subarray(at, ++at));
    },
  },
  {
    ...waiting,
    name: "a length of 4 GiB",
    resource: "bytes of a frame",
    kind: "any",
    sees: ["GOAWAY protocol"],
    connections: 50,
    total: 100,
    budget: sessionBudget(100),
    *script() {
      yield u32(2 ** 32 - 1);
    },
  },
  {
    ...waiting,
    name: "a HELLO above its limit",
    resource: "bytes of HELLO",
    kind: "HELLO",
    limits: ["maxHello"],
    sees: ["GOAWAY too-large"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60, FRAME),
    setup: { limits: { maxHello: 32_768 } },
    *script() {
      yield hello({ entries: entry(0x7f, new Uint8Array(60_000)) });
    },
  },
  {
    ...waiting,
    name: "a HELLO with too many methods",
    resource: "list of methods",
    kind: "HELLO",
    limits: ["maxMethods"],
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60, FRAME),
    *script() {
      const methods = Array.from(
        { length: 1025 },
        (_, at) => [`m${at}`, 0] as const,
      );
      yield hello({ methods });
    },
  },
  {
    ...waiting,
    name: "more sessions than allowed",
    resource: "sessions",
    kind: "HELLO",
    limits: ["maxSessions"],
    sees: ["GOAWAY refused-busy"],
    connections: 100,
    total: 200,
    budget: sessionBudget(200),
    setup: { maxSessions: 20 },
    *script() {
      yield hello({ methods: SERVER_METHODS });
    },
  },
  {
    ...waiting,
    name: "a first frame other than HELLO",
    resource: "order of frames",
    kind: "REQUEST",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield request(1, M.echo);
    },
  },
  {
    ...waiting,
    name: "PINGs instead of HELLO",
    resource: "order of frames",
    kind: "PING",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield* flood(() => frame(K.PING, 0, new Uint8Array(8)));
    },
  },
  {
    ...authenticating,
    name: "early requests above their limit",
    resource: "early bytes",
    kind: "REQUEST",
    sees: ["GOAWAY flow-control"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60, EARLY),
    setup: { authentication: 5000 },
    *script() {
      yield hello({ methods: SERVER_METHODS, auth: SLOW });
      yield* flood((id) => request(id, M.echo, new Uint8Array(1000)));
    },
  },
  {
    ...authenticating,
    name: "early notifications, kept until the timeout",
    resource: "early bytes",
    kind: "NOTIFY",
    sees: ["GOAWAY timeout"],
    connections: 30,
    total: 60,
    budget: sessionBudget(60, EARLY),
    setup: { authentication: 5000, limits: { handshakeTimeout: 400 } },
    *script() {
      yield hello({ methods: SERVER_METHODS, auth: SLOW });
      const body = new Uint8Array(15_000);
      yield concat(Array.from({ length: 8 }, () => notify(M.note, body)));
    },
  },
  {
    ...authenticating,
    name: "early CANCELs of calls that do not exist",
    resource: "ids",
    kind: "CANCEL",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    setup: { authentication: 20 },
    *script() {
      yield hello({ methods: SERVER_METHODS, auth: SLOW });
      yield frame(K.CANCEL, 1, EMPTY);
    },
  },
  {
    ...authenticating,
    name: "credentials that cannot be decoded",
    resource: "credentials",
    kind: "HELLO",
    sees: ["GOAWAY unauthenticated"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    setup: { authentication: 1 },
    *script() {
      // Arrays within arrays, deeper than allowed.
      yield hello({ auth: new Uint8Array(4000).fill(0x91) });
    },
  },
  {
    ...authenticating,
    name: "early frames without a body",
    resource: "early bytes",
    kind: "END",
    connections: 100,
    budget: sessionBudget(100, EARLY),
    setup: { authentication: 3000 },
    *script() {
      yield hello({ methods: SERVER_METHODS, auth: SLOW });
      yield* times(1800, (id) => frame(K.END, id));
    },
  },
  {
    ...waiting,
    name: "credentials above their limit",
    resource: "credentials",
    kind: "HELLO",
    sees: ["GOAWAY too-large"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60, FRAME),
    setup: { authentication: 3000 },
    *script() {
      yield hello({ auth: new Uint8Array(60_000) });
    },
  },
];
