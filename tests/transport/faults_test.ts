/**
 * What a network does to a server, on real sockets.
 *
 * @module
 */
import {
  connect,
  type ConnectAddress,
  listen,
  type ListenAddress,
  memoryPair,
  readExactly,
  type SocketConnection,
  TransportError,
  webStreams,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";

const CLIENTS = 200;
// Deno does not start below about 100.
const DESCRIPTORS = 150;

Deno.test({
  name: "a listener serves 200 clients under a limit of 150 descriptors",
  // Windows has no such limit.
  ignore: Deno.build.os === "windows",
  async fn() {
    const program = new URL("programs/descriptor_limit.ts", import.meta.url);
    const config = new URL("../../deno.json", import.meta.url);
    const command = `ulimit -n ${DESCRIPTORS}; exec "$0" run --frozen ` +
      `--no-check --allow-net=127.0.0.1 --config "$1" "$2" ${CLIENTS}`;
    const child = new Deno.Command("sh", {
      args: ["-c", command, Deno.execPath(), config.pathname, program.pathname],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = jsonLines(child.stdout);
    const { port = 0 } = await lines.next();

    // All of them are connected: the kernel holds those behind the limit.
    const clients: SocketConnection[] = [];
    for (let count = 0; count < CLIENTS; count++) {
      clients.push(await connect({ port }));
    }
    const { held = 0 } = await lines.next();
    assert(held > 50 && held < DESCRIPTORS, `${held} held at the limit`);

    const word = child.stdin.getWriter();
    await word.write(new Uint8Array([1]));
    await word.close();
    for (const client of clients) {
      const greeting = new Uint8Array(1);
      assert(await readExactly(client, greeting), "nobody is lost");
      assertEquals(greeting[0], 42);
      client.close();
    }
    const { served, failures = 0 } = await lines.next();
    assertEquals(served, CLIENTS);
    // Doubling pauses: a loop that spins would have failed thousands of times.
    assert(failures >= 1 && failures < 50, `${failures} failed accepts`);
    assert((await child.status).success);
    await lines.end();
  },
});

const ROUNDS = 1_000;

Deno.test({
  name: "1,000 rounds of every way to fail leave no descriptor behind",
  // Only Linux lists the descriptors of a process.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const path = await Deno.makeTempFile();
    await Deno.remove(path);
    await using tcp = await listen({ port: 0 });
    await using unix = await listen({ path });
    const closed = await freeAddress();
    const sink = await listen({ port: 0 });
    const sinking = (async () => {
      for await (using _connection of sink);
    })();
    const rounds = [
      () => wholeLife(tcp.addr, tcp),
      () => wholeLife(unix.addr, unix),
      () => abortedConnect(unix.addr, unix),
      (round: number) => abortedDial(sink.addr, round),
      () => refused(closed),
      () => taken(tcp.addr),
      () => resetBeforeAccept(tcp.addr.port ?? 0, tcp),
      () => cutWhileReading(tcp.addr, tcp),
      () => streamed(tcp.addr, tcp),
    ];
    const run = async (count: number) => {
      for (let round = 0; round < count; round++) {
        await rounds[round % rounds.length]?.(round);
      }
    };
    await run(rounds.length); // what is opened once for all
    await settle(sink);
    const before = await openDescriptors();
    await run(ROUNDS);
    await settle(sink);
    assertEquals(await openDescriptors(), before);
    assertEquals([tcp.connections, unix.connections], [0, 0]);
    sink.close();
    await sinking;
  },
});

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

Deno.test("a peer that vanishes leaves pending transfers with an error", async () => {
  await using listener = await listen({ port: 0 });
  const socket = createConnection(listener.addr.port ?? 0, "127.0.0.1");
  await once(socket, "connect");
  using server = await listener.accept();
  const reading = server.read(new Uint8Array(1));
  const writing = writeAll(server, new Uint8Array(64 << 20));
  socket.resetAndDestroy();
  for (const pending of [reading, writing]) {
    const error = await assertRejects(() => pending, TransportError);
    assertEquals(error.kind, "reset");
  }
});

Deno.test("a cut connection is an end to read, and truncated to who waits for more", async () => {
  const [client, server] = memoryPair({
    toServer: { fault: { kind: "cut", after: 3 } },
  });
  const writing = assertRejects(() => writeAll(client, new Uint8Array(8)));
  const error = await assertRejects(
    () => readExactly(server, new Uint8Array(8)),
    TransportError,
  );
  assertEquals(error.kind, "truncated");
  await writing;
});

interface JsonLines {
  next(): Promise<Record<string, number>>;
  end(): Promise<void>;
}

function jsonLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): JsonLines {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    async next() {
      while (!text.includes("\n")) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`The program ended after: ${text}`);
        text += value;
      }
      const [line = "", ...rest] = text.split("\n");
      text = rest.join("\n");
      return JSON.parse(line);
    },
    async end() {
      assertEquals([text, await reader.read()], ["", {
        value: undefined,
        done: true,
      }]);
    },
  };
}
