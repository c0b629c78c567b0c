/**
 * An option that does not exist is an error, wherever options are taken: a name
 * with a typing error would be ignored otherwise.
 *
 * @module
 */
import {
  bytes,
  CallError,
  CodecError,
  createClient,
  json,
  limit,
  memoryOnceStore,
  msgpack,
  protocol,
  SessionError,
  source,
  unary,
} from "@lengthwise/lengthwise";
import { FrameError } from "@lengthwise/lengthwise/framing";
import { broadcastChannelBus, memoryBus } from "@lengthwise/lengthwise/bus";
import { natsBus } from "@lengthwise/lengthwise/nats";
import {
  checkBus,
  checkCodec,
  checkTransport,
  memoryPair,
  simulatedNetwork,
  virtualTime,
} from "@lengthwise/lengthwise/testing";
import {
  connect,
  connectWebSocket,
  listen,
  TransportError,
} from "@lengthwise/lengthwise/transport";
import { assertRejects } from "@std/assert";

/** Options that the compiler accepts everywhere. */
const UNKNOWN: Record<string, never> = JSON.parse('{ "unknwon": 1 }');

const Echo = protocol({
  name: "echo",
  server: { echo: unary<string, string>() },
});
const NOWHERE = { port: 1 };

/** Returns a client with options, which is not reached. */
const client = (options: Parameters<typeof createClient>[2]) =>
  createClient(Echo, NOWHERE, options);

const TAKERS: readonly [name: string, act: () => unknown][] = [
  ["broadcastChannelBus()", () => broadcastChannelBus("a", UNKNOWN)],
  ["memoryBus()", () => memoryBus(UNKNOWN)],
  ["checkBus()", () => checkBus(() => [memoryBus(), memoryBus()], UNKNOWN)],
  ["natsBus()", () => natsBus({} as never, UNKNOWN)], // checked first
  ["CallError()", () => new CallError("", { code: "internal", ...UNKNOWN })],
  [
    "SessionError()",
    () => new SessionError("", { code: "closed", ...UNKNOWN }),
  ],
  ["FrameError()", () => new FrameError("", { code: "too-large", ...UNKNOWN })],
  ["CodecError()", () => new CodecError("", { code: "too-large", ...UNKNOWN })],
  [
    "TransportError()",
    () => new TransportError("", { code: "refused", address: "", ...UNKNOWN }),
  ],
  ["msgpack()", () => msgpack(UNKNOWN)],
  ["json()", () => json(UNKNOWN)],
  ["bytes()", () => bytes(UNKNOWN)],
  ["memoryOnceStore()", () => memoryOnceStore(UNKNOWN)],
  ["limit()", () => limit({ rate: 1, key: () => "", ...UNKNOWN })],
  ["source()", () => source(UNKNOWN)],
  [
    "the option history of source()",
    () => source({ history: UNKNOWN }),
  ],
  ["protocol()", () => protocol({ name: "a" }, UNKNOWN)],
  ["createClient()", () => client(UNKNOWN)],
  [
    "the option reconnect of createClient()",
    () => client({ reconnect: UNKNOWN }),
  ],
  ["the option wait of createClient()", () => client({ wait: UNKNOWN })],
  ["the option retry of createClient()", () => client({ retry: UNKNOWN })],
  ["the option resume of createClient()", () => client({ resume: UNKNOWN })],
  [
    "the option retry.budget of createClient()",
    () => client({ retry: { budget: UNKNOWN } }),
  ],
  ["connect()", () => connect(NOWHERE, UNKNOWN)],
  [
    "the option retry of connect()",
    () => connect(NOWHERE, { retry: UNKNOWN }),
  ],
  [
    "the option tls of connect()",
    () => connect({ ...NOWHERE, tls: UNKNOWN }),
  ],
  [
    "the option tls of connectWebSocket()",
    () => connectWebSocket("wss://127.0.0.1:1/", { tls: UNKNOWN }),
  ],
  ["listen()", () => listen({ port: 0 }, UNKNOWN)],
  ["memoryPair()", () => memoryPair(UNKNOWN)],
  [
    "the option toServer of memoryPair()",
    () => memoryPair({ toServer: UNKNOWN }),
  ],
  [
    "the option toClient of memoryPair()",
    () => memoryPair({ toClient: UNKNOWN }),
  ],
  [
    "the option latency of memoryPair()",
    () => memoryPair({ toClient: { latency: { min: 1, max: 2, ...UNKNOWN } } }),
  ],
  [
    "the option fault of memoryPair()",
    () =>
      memoryPair({
        toClient: { fault: { kind: "cut", after: 1, ...UNKNOWN } },
      }),
  ],
  ["checkCodec()", () => checkCodec(msgpack(), { values: [1], ...UNKNOWN })],
  [
    "checkTransport()",
    () => checkTransport(() => Promise.reject(new Error()), UNKNOWN),
  ],
  ["simulatedNetwork()", () => simulatedNetwork(UNKNOWN)],
  ["virtualTime()", () => virtualTime(UNKNOWN)],
];

for (const [name, act] of TAKERS) {
  Deno.test(`${name} rejects an unknown option`, async () => {
    await assertRejects(async () => await act(), TypeError, '"unknwon" of ');
  });
}
