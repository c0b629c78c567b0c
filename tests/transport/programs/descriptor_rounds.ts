/**
 * Rounds of connections that succeed and fail in every way; the argument is their
 * number. Prints the number of descriptors that each of four runs added, and the
 * number of connections that the listeners still count.
 *
 * @module
 */
import {
  connect,
  type ConnectAddress,
  listen,
  type ListenAddress,
  readExactly,
  type SocketConnection,
  TransportError,
  upgradeWebSocket,
  type WebSocketConnection,
  webStreams,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";

import { authority, server as certificate } from "../tls/certificates.ts";

const ROUNDS = Number(Deno.args[0]);

const path = await Deno.makeTempFile();
await Deno.remove(path);
await using tcp = await listen({ port: 0 });
await using unix = await listen({ path });
await using secure = await listen({ port: 0, tls: certificate });
const caCerts = [authority.cert];
let upgraded = Promise.withResolvers<WebSocketConnection>();
const web = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  (request) => {
    const { connection, response } = upgradeWebSocket(request);
    upgraded.resolve(connection);
    return response;
  },
);
const closed = await freeAddress();
const sink = await listen({ port: 0 });
const secureSink = await listen({ port: 0, tls: certificate });
const sinking = [sink, secureSink].map(async (listener) => {
  for await (using _connection of listener);
});
const kinds: readonly ((round: number) => Promise<void>)[] = [
  () => wholeLife(tcp.addr, tcp),
  () => wholeLife(unix.addr, unix),
  () => abortedConnect(unix.addr, unix),
  (round) => abortedDial(sink.addr, round),
  () => refused(closed),
  () => taken(tcp.addr),
  () => resetBeforeAccept(tcp.addr.port ?? 0, tcp),
  () => cutWhileReading(tcp.addr, tcp),
  () => streamed(tcp.addr, tcp),
  () => wholeLife(trusting(secure), secure),
  () => refused({ ...trusting(secureSink), tls: {} }),
  (round) => abortedDial(trusting(secureSink), round),
  () => overWebSocket(`ws://127.0.0.1:${web.addr.port}/`),
];

// The runtime opens some descriptors for itself, once, some time after the
// start. So the minimum over several runs counts: a leak affects each.
const added: number[] = [];
while (added.length < 4) {
  const before = await openDescriptors();
  await run(ROUNDS);
  added.push(await addedSince(before));
}
const held = tcp.connections + unix.connections + sink.connections +
  secure.connections + secureSink.connections;
console.log(JSON.stringify({ rounds: ROUNDS, added, held }));
sink.close();
secureSink.close();
await Promise.all(sinking);
await web.shutdown();

async function run(count: number): Promise<void> {
  for (let round = 0; round < count; round++) {
    await kinds[round % kinds.length]?.(round);
  }
  await settle(sink);
}

function trusting({ addr }: { addr: { port?: number } }) {
  return { port: addr.port ?? 0, tls: { caCerts } };
}

interface Accepting {
  accept(): Promise<SocketConnection>;
}

async function wholeLife(address: ConnectAddress, listener: Accepting) {
  using client = await connect(address);
  using server = await listener.accept();
  await writeAll(client, new Uint8Array(10));
  await client.closeWrite();
  await readExactly(server, new Uint8Array(10));
  assertEquals(await server.read(new Uint8Array(1)), null);
}

async function abortedConnect(address: ConnectAddress, listener: Accepting) {
  const abort = new AbortController();
  const connecting = connect(address, { signal: abort.signal });
  abort.abort(new Error("enough"));
  await assertRejects(() => connecting, Error, "enough");
  using server = await listener.accept();
  assertEquals(await server.read(new Uint8Array(1)), null);
}

/** Aborts in the middle of connecting, some turns later each time. */
async function abortedDial(address: ConnectAddress, round: number) {
  const abort = new AbortController();
  const dialling = connect(address, { signal: abort.signal });
  const settled = dialling.then((client) => client.close(), () => {});
  for (let turn = 0; turn < round % 20; turn++) await Promise.resolve();
  if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort(new Error("enough"));
  await settled;
}

/** Accepts one more client: accepts are in order, so all earlier ones are done. */
async function settle(sink: { addr: ConnectAddress }) {
  using last = await connect(sink.addr);
  assertEquals(await last.read(new Uint8Array(1)), null);
}

async function refused(address: ConnectAddress) {
  await assertRejects(() => connect(address), TransportError);
}

async function overWebSocket(url: string) {
  upgraded = Promise.withResolvers();
  using client = await connect(url);
  using server = await upgraded.promise;
  await writeAll(client, new Uint8Array(10));
  await readExactly(server, new Uint8Array(10));
}

async function taken(address: ListenAddress) {
  await assertRejects(() => listen(address), TransportError);
}

async function resetBeforeAccept(port: number, listener: Accepting) {
  const socket = createConnection(port, "127.0.0.1");
  await once(socket, "connect");
  socket.resetAndDestroy();
  await once(socket, "close");
  using _client = await connect({ port });
  (await listener.accept()).close();
}

async function cutWhileReading(address: ConnectAddress, listener: Accepting) {
  using client = await connect(address);
  using server = await listener.accept();
  const reading = client.read(new Uint8Array(1));
  client.close();
  await assertRejects(() => reading, TransportError);
  assertEquals(await server.read(new Uint8Array(1)), null);
}

async function streamed(address: ConnectAddress, listener: Accepting) {
  const client = webStreams(await connect(address));
  const server = webStreams(await listener.accept());
  const echoing = server.readable.pipeTo(server.writable);
  await new Blob(["over and out"]).stream().pipeTo(client.writable);
  assertEquals(await new Response(client.readable).text(), "over and out");
  await echoing;
}

async function freeAddress(): Promise<{ port: number }> {
  await using listener = await listen({ port: 0 });
  return { port: listener.addr.port ?? 0 };
}

/** TLS takes up to a second to close: descriptors that remain then are leaks. */
async function addedSince(before: number): Promise<number> {
  for (let wait = 0; wait < 40; wait++) {
    if (await openDescriptors() <= before) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return await openDescriptors() - before;
}

async function openDescriptors(): Promise<number> {
  const entries = await Array.fromAsync(Deno.readDir("/proc/self/fd"));
  return entries.length;
}
