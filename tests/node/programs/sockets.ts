/**
 * The sockets and pipes of Node.js or Bun against the compliance suite, then calls.
 *
 * Arguments: a folder for sockets, and files with an authority's certificate, a
 * server's certificate and its key.
 */
import {
  connect,
  type Connection,
  listen,
  type ListenAddress,
  streamConnection,
  TransportError,
  type TransportErrorCode,
} from "@lengthwise/lengthwise/transport";
import {
  connect as connectSession,
  protocol,
  serve,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import { useNodeSockets } from "@lengthwise/lengthwise/node";
import { checkTransport } from "@lengthwise/lengthwise/testing";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { expect } from "./expectations.ts";

useNodeSockets();
const [folder = "", ...files] = process.argv.slice(-4);
const [authority = "", cert = "", key = ""] = await Promise.all(
  files.map((file) => readFile(file, "utf8")),
);
const tls = { cert, key };
const caCerts = [authority];

async function comply(
  name: string,
  address: ListenAddress,
  trust?: { caCerts: string[] },
): Promise<void> {
  const listener = await listen(address);
  const options = trust === undefined ? {} : { tls: trust };
  await complyWith(name, async () => {
    const [server, client] = await Promise.all([
      listener.accept(),
      connect({ ...listener.addr, ...options }),
    ]);
    return [client, server];
  });
  await listener[Symbol.asyncDispose]();
}

/** Connects two connections through a child process for each direction. */
function pipes(): [Connection, Connection] {
  // It reports on standard error that its reader has closed.
  const child = () => spawn("cat", { stdio: ["pipe", "pipe", "ignore"] });
  const [there, back] = [child(), child()];
  return [
    streamConnection({ stdin: there.stdin, stdout: back.stdout }),
    streamConnection({ stdin: back.stdin, stdout: there.stdout }),
  ];
}

async function complyWith(
  name: string,
  pair: Parameters<typeof checkTransport>[0],
): Promise<void> {
  let failed = 0;
  let checks = 0;
  await checkTransport(pair, {
    async step(check, run) {
      checks++;
      try {
        await run();
      } catch (error) {
        failed++;
        console.error(`${name}: ${check}:`, error);
      }
    },
  });
  if (failed > 0) throw new Error(`${name}: ${failed} checks failed`);
  console.log("ok", name, checks);
}

async function codeOf(promise: Promise<unknown>): Promise<TransportErrorCode> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof TransportError) return error.code;
    throw error;
  }
  throw new Error("Expected a failure");
}

await comply("tcp", { port: 0 });
await comply("unix", { path: `${folder}/unix.sock` });
if (process.platform === "linux") {
  await comply("abstract", { path: `\0lengthwise-${process.pid}` });
}
await complyWith("child", pipes);
const overTls = { hostname: "127.0.0.1", port: 0, tls };
const bun = "Bun" in globalThis;
if (bun) {
  expect("TLS in Bun", await codeOf(listen(overTls)), "unsupported");
  const dial = connect({ hostname: "127.0.0.1", port: 9, tls: { caCerts } });
  expect("a client with TLS in Bun", await codeOf(dial), "unsupported");
} else {
  await comply("tls", overTls, { caCerts });
  const failed = Promise.withResolvers<unknown>();
  const onHandshakeError = (error: unknown) => failed.reject(error);
  const secure = await listen({
    ...overTls,
    tls: { ...tls, onHandshakeError },
  });
  const accepting = secure.accept().catch(() => {});
  const plain = await connect({ port: secure.addr.port ?? 0 });
  await plain.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  expect("HTTP instead of TLS", await codeOf(failed.promise), "protocol");
  plain.close();
  secure.close();
  await accepting;
}

// Failures have the same codes as in Deno.
const taken = await listen({ port: 0 });
const { port = 0 } = taken.addr;
expect("a port in use", await codeOf(listen({ port })), "address-in-use");
const path = `${folder}/taken.sock`;
const socket = await listen({ path });
expect("a path in use", await codeOf(listen({ path })), "address-in-use");
socket.close();
taken.close();
expect("a refused port", await codeOf(connect({ port })), "refused");
expect(
  "no socket file",
  await codeOf(connect({ path: `${folder}/none.sock` })),
  "not-found",
);
expect(
  "no folder of a socket file",
  await codeOf(listen({ path: `${folder}/none/socket` })),
  "not-found",
);
expect(
  "an unknown name",
  await codeOf(listen({ hostname: "unknown.invalid", port: 0 })),
  "not-found",
);
const stop = new AbortController();
const attempt = connect({ hostname: "127.0.0.1", port }, {
  signal: stop.signal,
  retry: { maxAttempts: 100 },
});
setTimeout(() => stop.abort("stopped"), 20);
expect(
  "an aborted attempt",
  await attempt.catch((reason) => reason),
  "stopped",
);

// A connection whose directions have both ended is not closed locally.
const both = await listen({ port: 0 });
const [one, other] = await Promise.all([both.accept(), connect(both.addr)]);
const bytes = new Uint8Array(8);
await Promise.all([one.closeWrite(), other.closeWrite()]);
expect("an end", await one.read(bytes), null);
await new Promise((resolve) => setTimeout(resolve, 20));
expect("bytes after the end", await codeOf(one.write(bytes)), "reset");
await one.closeWrite(); // as before: the end has been sent
expect("the end again", await one.read(bytes), null);
for (const socket of [one, other, both]) socket.close();

// Unread bytes hold the sender back.
const quiet = await listen({ port: 0 });
const [reader, writer] = await Promise.all([
  quiet.accept(),
  connect(quiet.addr),
]);
let written = 0;
const block = new Uint8Array(64 * 1024);
const writing = (async (one: Connection) => {
  for (;;) written += await one.write(block);
})(writer).catch(() => {});
let before = -1;
while (written > before) {
  before = written;
  await new Promise((resolve) => setTimeout(resolve, 200));
}
expect("a bound on unread bytes", written < 32 * 1024 * 1024, true);
reader.close();
reader.close();
writer.close();
writer.close();
await writing;
quiet.close();

const Texts = protocol({
  name: "texts",
  server: {
    upper: unary<string, string>(),
    count: serverStream<number, number>(),
  },
});
for (
  const address of [
    { port: 0 },
    { path: `${folder}/calls.sock` },
    ...(bun ? [] : [{ port: 0, tls }]),
  ]
) {
  const server = await serve(Texts, address).handle({
    upper: (text) => text.toUpperCase(),
    async *count(most) {
      for (let n = 0; n < most; n++) yield n;
    },
  });
  const trust = "tls" in address ? { tls: { caCerts } } : {};
  const session = await connectSession(Texts, { ...server.addr, ...trust });
  expect("a call", await session.remote.upper("hello"), "HELLO");
  let sum = 0;
  for await (const n of session.remote.count(1000)) sum += n;
  expect("a stream", sum, 499_500);
  await session.close();
  await server.shutdown();
}

// Sockets after unref() let the process end, though they stay open.
const idle = await listen({ port: 0 });
const [near, far] = await Promise.all([idle.accept(), connect(idle.addr)]);
for (const socket of [idle, near, far]) socket.unref?.();
idle.accept().catch(() => {});
for (const socket of [near, far]) socket.read(bytes).catch(() => {});
setTimeout(() => {
  console.error("The process did not end");
  process.exit(1);
}, 3_000).unref();
console.log("ok sockets");
