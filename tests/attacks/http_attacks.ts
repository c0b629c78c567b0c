/**
 * Attacks on a server over HTTP, through `fetchHandler()`.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Attack } from "./attack.ts";
import { MESSAGE, MiB, PROCESS, sessionBudget } from "./budgets.ts";
import { pause, type RawPeer } from "./raw_peer.ts";

const toUtf8 = new TextEncoder();

const http = {
  victim: "server",
  kind: "none",
  hello: null,
  setup: { over: "http" },
} as const;
/** Before the call begins. */
const before = { ...http, state: "waiting" } as const;
/** The call has a session. */
const within = { ...http, state: "open" } as const;

/** Bytes that a body may have, by default. */
const BODY = MiB / 4;
/** Bytes of a request with a body: it is read, joined and decoded as text. */
const READ_BODY = 3 * BODY;

/** Returns the head of a request. */
function head(
  method: string,
  length: number | "chunked",
  host = "127.0.0.1",
): string {
  const body = length === "chunked"
    ? "Transfer-Encoding: chunked"
    : `Content-Length: ${length}`;
  return [
    `POST /${method} HTTP/1.1`,
    `Host: ${host}`,
    "Content-Type: application/json",
    body,
    "\r\n",
  ].join("\r\n");
}

/** Returns a request. */
function post(method: string, body: string, host?: string): Uint8Array {
  return toUtf8.encode(head(method, body.length, host) + body);
}

/** Sends a request some times, each after the response to the last one. */
async function* oneByOne(
  peer: RawPeer,
  bytes: Uint8Array,
  status: string,
  times: number,
): AsyncGenerator<Uint8Array> {
  for (let at = 1; at <= times; at++) {
    yield bytes;
    await peer.saw(status, at);
  }
}

/** The attacks. */
export const httpAttacks: readonly Attack[] = [
  {
    ...before,
    name: "HTTP headers, byte by byte",
    resource: "HTTP headers",
    connections: 100,
    budget: sessionBudget(100),
    async *script() {
      for (const byte of toUtf8.encode(head("echo", 1)).subarray(0, 25)) {
        await pause(20);
        yield Uint8Array.of(byte);
      }
    },
  },
  {
    ...before,
    name: "HTTP headers without end",
    resource: "bytes of HTTP headers",
    connections: 20,
    sees: ["end"],
    budget: sessionBudget(20, BODY),
    *script() {
      yield toUtf8.encode(head("echo", 1).slice(0, -2));
      const line = toUtf8.encode(`x-more: ${"y".repeat(1_000)}\r\n`);
      for (let at = 0; at < 2_000; at++) yield line;
    },
  },
  {
    ...before,
    name: "HTTP requests to hosts that are not valid",
    resource: "URLs of HTTP requests",
    atLeast: { "HTTP 400": 200 },
    budget: PROCESS,
    async *script(peer) {
      yield* oneByOne(peer, post("echo", "1", "["), "HTTP 400", 200);
    },
  },
  {
    ...before,
    name: "HTTP bodies without end",
    resource: "bytes of HTTP bodies",
    connections: 5,
    sees: ["HTTP 413"],
    atMost: { handlers: 0 },
    budget: sessionBudget(5, READ_BODY),
    *script() {
      yield toUtf8.encode(head("echo", "chunked"));
      const chunk = toUtf8.encode(`10000\r\n${" ".repeat(65_536)}\r\n`);
      for (let at = 0; at < 100; at++) yield chunk;
    },
  },
  {
    ...before,
    name: "HTTP bodies that are announced to be large",
    resource: "lengths of HTTP bodies",
    connections: 20,
    sees: ["HTTP 413"],
    atMost: { handlers: 0 },
    budget: sessionBudget(20),
    *script() {
      yield toUtf8.encode(head("echo", 10 ** 12));
      for (let at = 0; at < 16; at++) yield new Uint8Array(65_536);
    },
  },
  {
    ...before,
    name: "HTTP bodies that are never complete",
    resource: "time of HTTP bodies",
    connections: 100,
    sees: ["HTTP 408"],
    atMost: { handlers: 0 },
    budget: sessionBudget(100, READ_BODY),
    setup: { over: "http", http: { bodyTimeout: 300 } },
    *script() {
      yield toUtf8.encode(head("echo", BODY));
      yield new Uint8Array(BODY - 1);
    },
  },
  {
    ...before,
    name: "HTTP clients that leave within a body",
    resource: "places of HTTP requests",
    connections: 20,
    total: 300,
    atMost: { handlers: 0 },
    budget: sessionBudget(20, READ_BODY),
    async *script(peer) {
      yield toUtf8.encode(head("echo", 1_000));
      yield new Uint8Array(500);
      peer.close();
    },
  },
  {
    ...before,
    name: "HTTP bodies that are nested deeply",
    resource: "depth of HTTP bodies",
    atLeast: { "HTTP 400": 20 },
    atMost: { handlers: 0 },
    budget: sessionBudget(1, READ_BODY),
    async *script(peer) {
      yield* oneByOne(peer, post("echo", "[".repeat(200_000)), "HTTP 400", 20);
    },
  },
  {
    ...before,
    name: "HTTP bodies that hold much when they are decoded",
    resource: "values of HTTP bodies",
    atLeast: { "HTTP 400": 20 },
    atMost: { handlers: 0 },
    budget: sessionBudget(1, READ_BODY),
    async *script(peer) {
      const items = Array.from({ length: 10_000 }, (_, at) => `{"k${at}":1}`);
      yield* oneByOne(peer, post("echo", `[${items}]`), "HTTP 400", 20);
    },
  },
  {
    ...within,
    name: "digits in HTTP bodies whose hashes collide",
    resource: "time of decoding HTTP bodies",
    atLeast: { "HTTP 500": 20 },
    budget: MESSAGE,
    async *script(peer) {
      const items = Array.from(
        { length: 18_000 },
        (_, at) => `"${at * 65_536 % 4_294_967_291}"`,
      );
      yield* oneByOne(peer, post("fail", `[${items}]`), "HTTP 500", 20);
    },
  },
  {
    ...within,
    name: "HTTP requests at full rate",
    resource: "time of HTTP requests",
    atLeast: { "HTTP 200": 1_000 },
    atMost: { handlers: 1 },
    budget: sessionBudget(1, BODY),
    *script() {
      const batch = concat(
        Array.from({ length: 100 }, () => post("echo", "1")),
      );
      for (let at = 0; at < 10; at++) yield batch;
    },
  },
  {
    ...within,
    name: "more HTTP requests than one client may make",
    resource: "the share of one HTTP client",
    connections: 80,
    sees: ["HTTP 429", "HTTP 204"],
    atMost: { handlers: 50 },
    budget: sessionBudget(100),
    setup: { over: "http", http: { maxRequests: 100 } },
    async *script(peer) {
      yield* oneByOne(peer, post("holdFor", "[1000,1]"), "HTTP 204", 1);
    },
  },
  {
    ...within,
    name: "HTTP clients that leave during their calls",
    resource: "calls of HTTP clients that have left",
    connections: 20,
    total: 100,
    budget: sessionBudget(200),
    ms: 1_000,
    async *script(peer) {
      yield post("holdFor", "[300,1]");
      peer.close();
    },
  },
];
