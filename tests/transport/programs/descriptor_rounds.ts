/**
 * 1,000 rounds of connections that live and fail in every way. Prints how many
 * descriptors each thousand has added, and how many connections the listeners
 * still count.
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
  webStreams,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";

const ROUNDS = 1_000;

const path = await Deno.makeTempFile();
await Deno.remove(path);
await using tcp = await listen({ port: 0 });
await using unix = await listen({ path });
const closed = await freeAddress();
const sink = await listen({ port: 0 });
const sinking = (async () => {
  for await (using _connection of sink);
})();
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
];

// The runtime opens some for itself, once, a while after the start: so what
// counts is the least that one of several thousands adds. A leak is in each.
const added: number[] = [];
for (let thousand = 0; thousand < 4; thousand++) {
  const before = await openDescriptors();
  await run(ROUNDS);
  added.push(await openDescriptors() - before);
}
const held = tcp.connections + unix.connections + sink.connections;
console.log(JSON.stringify({ rounds: ROUNDS, added, held }));
sink.close();
await sinking;

async function run(count: number): Promise<void> {
  for (let round = 0; round < count; round++) {
    await kinds[round % kinds.length]?.(round);
  }
  await settle(sink);
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

/** Aborts in the middle of a dial, some turns later each time. */
async function abortedDial(address: ConnectAddress, round: number) {
  const abort = new AbortController();
  const dialling = connect(address, { signal: abort.signal });
  const settled = dialling.then((client) => client.close(), () => {});
  for (let turn = 0; turn < round % 20; turn++) await Promise.resolve();
  if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
  abort.abort(new Error("enough"));
  await settled;
}

/** Accepts are in order: when this one is through, so are those before it. */
async function settle(sink: { addr: ConnectAddress }) {
  using last = await connect(sink.addr);
  assertEquals(await last.read(new Uint8Array(1)), null);
}

async function refused(address: ConnectAddress) {
  await assertRejects(() => connect(address), TransportError);
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

async function openDescriptors(): Promise<number> {
  const entries = await Array.fromAsync(Deno.readDir("/proc/self/fd"));
  return entries.length;
}
