/**
 * Network faults and their effect on a server, on real sockets.
 *
 * @module
 */
import {
  connect,
  listen,
  readExactly,
  type SocketConnection,
  TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { memoryPair } from "../../lib/transport/memory/memory_pair.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";
import { TIMES } from "../times.ts";

const CLIENTS = 200;
// Deno does not start with fewer than about 100 descriptors.
const DESCRIPTORS = 150;
/** Each kind of failure follows each number of turns at least once. */
const ROUNDS = 260 * TIMES;

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

    // All clients are connected: the kernel holds the ones above the limit.
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
      assert(await readExactly(client, greeting), "no client is lost");
      assertEquals(greeting[0], 42);
      client.close();
    }
    const { served, failures = 0 } = await lines.next();
    assertEquals(served, CLIENTS);
    // The pauses double: a busy loop would have failed thousands of times.
    assert(failures >= 1 && failures < 50, `${failures} failed accepts`);
    assert((await child.status).success);
    await lines.end();
  },
});

Deno.test({
  name: `${ROUNDS} rounds of all kinds of failures leak no descriptor`,
  // Only Linux lists the descriptors of a process.
  ignore: Deno.build.os !== "linux",
  async fn() {
    // In a separate process, since other tests open descriptors in this one.
    const program = new URL("programs/descriptor_rounds.ts", import.meta.url);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--frozen",
        "--no-check",
        "--allow-all",
        program.href,
        `${ROUNDS}`,
      ],
    }).output();
    const decoder = new TextDecoder();
    assertEquals([code, decoder.decode(stderr)], [0, ""]);
    const { rounds, added, held } = JSON.parse(decoder.decode(stdout));
    assertEquals([rounds, Math.min(...added), held], [ROUNDS, 0, 0]);
  },
});

Deno.test("pending transfers fail when the peer vanishes", async () => {
  await using listener = await listen({ port: 0 });
  const socket = createConnection(listener.addr.port ?? 0, "127.0.0.1");
  await once(socket, "connect");
  using server = await listener.accept();
  const reading = server.read(new Uint8Array(1));
  const writing = writeAll(server, new Uint8Array(64 << 20));
  socket.resetAndDestroy();
  for (const pending of [reading, writing]) {
    const error = await assertRejects(() => pending, TransportError);
    assertEquals(error.code, "reset");
  }
});

Deno.test("a cut connection is an end for read() and an error for readExactly()", async () => {
  const [client, server] = memoryPair({
    toServer: { fault: { kind: "cut", after: 3 } },
  });
  const writing = assertRejects(() => writeAll(client, new Uint8Array(8)));
  const error = await assertRejects(
    () => readExactly(server, new Uint8Array(8)),
    TransportError,
  );
  assertEquals(error.code, "truncated");
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
