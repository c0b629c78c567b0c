/**
 * Attacks on a server over TLS and WebSocket.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Attack } from "./attack.ts";
import {
  callBudget,
  EARLY,
  FRAME,
  LIMITS,
  MiB,
  PROCESS,
  sessionBudget,
  WAITING,
} from "./budgets.ts";
import { OPCODE, upgradeRequest, websocketFrame } from "./connections.ts";
import {
  bin,
  encode,
  frame,
  hello,
  K,
  message,
  notify,
  request,
} from "./frames.ts";
import { pause, type RawPeer } from "./raw_peer.ts";
import { every, flood, itemsOnEach, open as calls, times } from "./scripts.ts";
import { M, SERVER_METHODS } from "./target.ts";

const overTls = {
  victim: "server",
  setup: { over: "tls" },
} as const;
const overWebSocket = {
  victim: "server",
  setup: { over: "websocket" },
} as const;

/** Asks for a WebSocket over TCP, so that the script writes its frames. */
const bareWebSocket = {
  ...overWebSocket,
  plain: true,
  hello: null,
} as const;

/** The frames of a WebSocket without end. */
async function* messages(
  peer: RawPeer,
  make: () => Uint8Array,
): AsyncGenerator<Uint8Array> {
  yield upgradeRequest();
  await pause(50); // nothing may be sent before the server has agreed
  yield websocketFrame(OPCODE.binary, hello({ methods: SERVER_METHODS }));
  while (!peer.stopped && !peer.ended) {
    yield concat(Array.from({ length: 64 }, make));
  }
}

/** The attacks. */
export const transportAttacks: readonly Attack[] = [
  // TLS.
  {
    ...overTls,
    state: "waiting",
    name: "TLS clients that send no HELLO",
    resource: "connections over TLS",
    kind: "none",
    hello: null,
    sees: ["GOAWAY timeout"],
    connections: 30,
    total: 60,
    budget: sessionBudget(60, FRAME),
    setup: { over: "tls", limits: { handshakeTimeout: 300 } },
    *script() {},
  },
  {
    ...overTls,
    state: "waiting",
    name: "bytes that are not TLS",
    resource: "TLS handshakes",
    kind: "none",
    plain: true,
    hello: null,
    sees: ["end"],
    connections: 50,
    total: 500,
    budget: PROCESS,
    *script() {
      yield new Uint8Array(10_000).fill(0x55);
    },
  },
  {
    ...overTls,
    state: "open",
    name: "requests at full rate over TLS",
    resource: "time of a TLS connection",
    kind: "REQUEST",
    atMost: { handlers: 1024 },
    budget: callBudget(1024, 1000),
    *script() {
      const value = bin(1000);
      yield* flood((id) => request(id, M.hold, value));
    },
  },
  {
    ...overTls,
    state: "open",
    name: "items that the handlers do not read, over TLS",
    resource: "unread items over TLS",
    kind: "ITEM",
    budget: callBudget(500) + LIMITS.itemsWindow,
    async *script(peer) {
      yield* calls(500, M.up);
      yield* itemsOnEach(peer, 500, bin(20_000));
    },
  },
  {
    ...overTls,
    state: "open",
    name: "results that are not read, over TLS",
    resource: "unsent bytes of TLS",
    kind: "REQUEST",
    reads: false,
    sees: ["end"],
    budget: WAITING,
    setup: { over: "tls", limits: { writeStall: 300 } },
    async *script(peer) {
      yield* times(12, (id) => request(id, M.big));
      yield* every(peer, 20, () => frame(K.PING, 0, new Uint8Array(8)));
    },
  },
  // WebSocket.
  {
    ...overWebSocket,
    state: "waiting",
    name: "WebSockets that send nothing",
    resource: "WebSockets",
    kind: "none",
    hello: null,
    sees: ["GOAWAY timeout"],
    connections: 50,
    total: 100,
    budget: sessionBudget(100, FRAME),
    setup: { over: "websocket", limits: { handshakeTimeout: 300 } },
    *script() {},
  },
  {
    ...bareWebSocket,
    state: "open",
    name: "WebSocket messages beyond their credit",
    resource: "credit of a WebSocket",
    kind: "NOTIFY",
    sees: ["end"],
    total: 5,
    budget: PROCESS,
    async *script(peer) {
      const bytes = notify(M.note, bin(60_000));
      yield* messages(peer, () => websocketFrame(OPCODE.binary, bytes));
    },
  },
  {
    ...bareWebSocket,
    state: "open",
    name: "WebSocket messages of one byte",
    resource: "WebSocket messages",
    kind: "ITEM",
    budget: PROCESS,
    async *script(peer) {
      const bytes = message(K.ITEM, 1, bin(100_000));
      let at = 0;
      yield* messages(
        peer,
        () => websocketFrame(OPCODE.binary, bytes.subarray(at, ++at)),
      );
    },
  },
  {
    ...bareWebSocket,
    state: "open",
    name: "a WebSocket message of many gigabytes",
    resource: "length of a WebSocket message",
    kind: "any",
    sees: ["end"],
    total: 5,
    budget: PROCESS,
    async *script(peer) {
      yield* messages(
        peer,
        () =>
          websocketFrame(OPCODE.binary, new Uint8Array(1000), {
            length: 2 ** 40,
          }),
      );
    },
  },
  {
    ...bareWebSocket,
    state: "open",
    name: "text messages that are no grants",
    resource: "texts of a WebSocket",
    kind: "none",
    sees: ["end"],
    connections: 10,
    total: 30,
    budget: sessionBudget(30, FRAME),
    async *script(peer) {
      const text = new TextEncoder().encode("x".repeat(10_000));
      yield* messages(peer, () => websocketFrame(OPCODE.text, text));
    },
  },
  {
    ...bareWebSocket,
    state: "open",
    name: "grants of one byte to a WebSocket",
    resource: "grants of a WebSocket",
    kind: "none",
    budget: PROCESS,
    async *script(peer) {
      const text = new TextEncoder().encode("1");
      yield* messages(peer, () => websocketFrame(OPCODE.text, text));
    },
  },
  {
    ...bareWebSocket,
    state: "open",
    name: "pings of a WebSocket at full rate",
    resource: "replies to a WebSocket's pings",
    kind: "PING",
    budget: PROCESS,
    async *script(peer) {
      const payload = new Uint8Array(100);
      yield* messages(peer, () => websocketFrame(OPCODE.ping, payload));
    },
  },
  {
    ...overWebSocket,
    state: "open",
    name: "requests at full rate over a WebSocket",
    resource: "time of a WebSocket",
    kind: "REQUEST",
    atMost: { handlers: 1024 },
    budget: callBudget(1024, 1000),
    *script() {
      const value = bin(1000);
      yield* flood((id) => request(id, M.hold, value));
    },
  },
  {
    ...overWebSocket,
    state: "authenticating",
    name: "early notifications over a WebSocket",
    resource: "early bytes of a WebSocket",
    kind: "NOTIFY",
    hello: null,
    sees: ["GOAWAY timeout"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60, EARLY + FRAME),
    setup: {
      over: "websocket",
      authentication: 5000,
      limits: { handshakeTimeout: 400 },
    },
    *script() {
      yield hello({ methods: SERVER_METHODS, auth: encode("slow") });
      const body = new Uint8Array(15_000);
      yield concat(Array.from({ length: 8 }, () => notify(M.note, body)));
    },
  },
  {
    ...bareWebSocket,
    state: "closed",
    name: "WebSockets whose peers do not answer the closing handshake",
    resource: "closing handshakes",
    kind: "none",
    sees: ["end"],
    connections: 100,
    budget: sessionBudget(100, FRAME),
    setup: { over: "websocket", limits: { handshakeTimeout: 300 } },
    *script() {
      yield upgradeRequest();
    },
  },
  {
    // A write of Deno's WebSocket keeps the descriptor until the peer reads or
    // disconnects; see runtime/websocket_unread.ts.
    ...overWebSocket,
    state: "open",
    name: "results that are not read, over a WebSocket",
    resource: "unsent bytes of a WebSocket",
    kind: "REQUEST",
    reads: false,
    sees: ["end"],
    ms: 1500,
    budget: WAITING,
    setup: { over: "websocket", limits: { writeStall: 300 } },
    script: () => times(12, (id) => request(id, M.big)),
  },
  {
    // Deno keeps the message, of up to 64 MiB, outside the heap, until the library
    // closes the WebSocket; see runtime/websocket_fragments.ts.
    ...bareWebSocket,
    state: "waiting",
    name: "fragments of a WebSocket message without end",
    resource: "bytes of a WebSocket message",
    kind: "any",
    sees: ["end"],
    connections: 10,
    total: 20,
    budget: sessionBudget(20, FRAME),
    setup: { over: "websocket", limits: { handshakeTimeout: 300 } },
    async *script(peer) {
      yield upgradeRequest();
      await pause(50); // nothing may be sent before the server has agreed
      const part = new Uint8Array(10_000);
      for (let at = 0; at < 100 && !peer.ended; at++) {
        const opcode = at === 0 ? OPCODE.binary : OPCODE.continuation;
        yield websocketFrame(opcode, part, { isFinal: false });
      }
    },
  },
  // A gateway for sessions.
  {
    victim: "server",
    state: "waiting",
    name: "frames for a gateway that are never finished",
    resource: "memory of a gateway",
    kind: "HELLO",
    hello: null,
    sees: ["GOAWAY refused-busy"],
    connections: 200,
    // Of 8 MiB, sessions hold half; few that were refused are still read.
    budget: sessionBudget(64, FRAME) + 8 * MiB,
    setup: {
      over: "gateway",
      gateway: { memory: 8 * MiB, handshakeTimeout: 3_000 },
    },
    *script() {
      const bytes = frame(K.HELLO, 0, new Uint8Array(LIMITS.maxFrameBody));
      yield bytes.subarray(0, -1);
    },
  },
  {
    victim: "server",
    state: "open",
    name: "streams through a gateway that are not read",
    resource: "memory of a gateway",
    kind: "REQUEST",
    reads: false,
    connections: 60,
    ms: 1_000,
    budget: sessionBudget(2 * 60, 2 * FRAME) + WAITING,
    setup: { over: "gateway" },
    script: () => calls(4, M.down),
  },
];
