/**
 * Turns of several connections: while some flood, the sockets of others are
 * read. Simulated time passes only in the frames, so a turn of 4 ms has four of
 * them, and a delay is a number of frames.
 *
 * @module
 */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { frames } from "../../../lib/framing/stream/frame_stream.ts";
import type { FrameStream } from "../../../lib/framing/stream/frame_stream.ts";
import { u32be } from "../../../lib/framing/length_presets.ts";
import { threadTurns } from "../../../lib/framing/stream/turn_queue.ts";
import { FakeTime } from "./fake_time.ts";
import { payload, ScriptedConnection } from "./scripted_connection.ts";

const FRAMES_PER_TURN = 4;

/** Returns a chunk of frames with one byte each. */
function chunkOf(count: number): Uint8Array {
  const one = u32be().encoder().encode(payload(1));
  return concat(Array.from({ length: count }, () => one));
}

/** A connection from which more frames can be read at any time. */
class FloodingConnection extends ScriptedConnection {
  readonly #chunk = chunkOf(1000);

  override read(buffer: Uint8Array): Promise<number | null> {
    if (this.closed > 0) return Promise.resolve(null);
    const count = Math.min(this.#chunk.length, buffer.length);
    buffer.set(this.#chunk.subarray(0, count - count % 5)); // whole frames
    return Promise.resolve(count - count % 5);
  }
}

/** A way to read frames. */
type Reader = (
  stream: FrameStream,
  onFrame: (frame: Uint8Array) => void,
) => Promise<void>;

const READERS: Record<string, Reader> = {
  "receive()": (stream, onFrame) => stream.receive(onFrame),
  "a loop": async (stream, onFrame) => {
    for await (const frame of stream) onFrame(frame);
  },
};

for (const [name, read] of Object.entries(READERS)) {
  Deno.test(`${name} lets sockets be read between any two turns of 10 connections that flood`, async () => {
    using time = new FakeTime();
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    using far = await Deno.connect({ port: listener.addr.port });
    await using near = frames(await listener.accept(), u32be());
    listener.close();

    let flooded = 0;
    let sentAt = 0;
    const delays: number[] = [];
    const bytes = u32be().encoder().encode(payload(1));
    const floods = Array.from({ length: 10 }, () => {
      return frames(new FloodingConnection(), u32be());
    });
    const send = (): void => {
      sentAt = flooded;
      far.write(bytes).catch(() => {});
    };
    const quiet = near.receive(() => {
      delays.push(flooded - sentAt);
      if (delays.length < 50) return send();
      for (const flood of floods) flood.close();
      near.close();
    });
    const running = floods.map((flood) =>
      read(flood, () => {
        time.tick(1);
        if (++flooded === 300) send(); // after the first round
        if (flooded < 100_000) return;
        for (const one of floods) one.close();
        near.close();
      })
    );
    await Promise.all([quiet, ...running]);
    assertEquals(delays.length, 50, `${delays} of ${flooded} frames`);
    assertLessOrEqual(Math.max(...delays), 2 * FRAMES_PER_TURN, `${delays}`);
  });

  Deno.test(`${name} ends a turn by time across reads`, async () => {
    using time = new FakeTime();
    const script = Array.from({ length: 100 }, () => chunkOf(1));
    const connection = new ScriptedConnection([...script, null]);
    await using stream = frames(connection, u32be());
    let iterations = 0;
    let running = true;
    const other = (): void => {
      iterations++;
      if (running) setImmediate(other);
    };
    setImmediate(other);
    const iterationOf: number[] = [];
    await read(stream, () => {
      time.tick(1);
      iterationOf.push(iterations);
    });
    running = false;
    await new Promise((resolve) => setImmediate(resolve));
    const turns = Map.groupBy(iterationOf, (one) => one);
    assertEquals(iterationOf.length, 100);
    assert(turns.size >= 100 / (FRAMES_PER_TURN + 1), `${turns.size}`);
  });

  Deno.test(`${name} takes turns by the option turnTime`, async () => {
    using time = new FakeTime();
    const connection = new ScriptedConnection([chunkOf(100), null]);
    await using stream = frames(connection, u32be(), { turnTime: 50 });
    let iterations = 0;
    const counted: number[] = [];
    await read(stream, () => {
      time.tick(1);
      setImmediate(() => iterations++);
      counted.push(iterations);
    });
    const first = counted.findIndex((count) => count > 0);
    assert(first >= 50 && first <= 75, `${first}`);
  });
}

Deno.test("receive() calls afterTurn when a turn ends before the read's frames", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection([chunkOf(10), null]);
  await using stream = frames(connection, u32be());
  let handled = 0;
  const after: number[] = [];
  await stream.receive(() => {
    time.tick(1);
    handled++;
  }, () => after.push(handled));
  assertEquals(after, [4, 8, 10]);
});

Deno.test("a stream that is closed while it waits for its turn delivers nothing more", async () => {
  using time = new FakeTime();
  const connection = new ScriptedConnection([chunkOf(10), null]);
  await using stream = frames(connection, u32be());
  let handled = 0;
  const done = stream.receive(() => {
    time.tick(1);
    if (++handled === 4) setImmediate(() => stream.close());
  });
  await done;
  assertEquals(handled, 4);
});

for (const [reads, expected] of [["waits", 1], ["finds bytes", 0]] as const) {
  Deno.test(`a read that ${reads} after a whole turn is counted ${expected} times as polled`, async () => {
    using time = new FakeTime();
    const queue = threadTurns();
    const { onReadWaited } = queue;
    let waited = 0;
    queue.onReadWaited = () => void waited++;
    const rest = [chunkOf(1), null];
    const connection = new ScriptedConnection([
      chunkOf(1),
      ...(expected === 0 ? rest : []),
    ]);
    await using stream = frames(connection, u32be());
    const received = stream.receive(() => void time.tick(10));
    if (expected > 0) {
      for (let turn = 0; turn < 50; turn++) await Promise.resolve();
      connection.feed(...rest);
    }
    await received;
    queue.onReadWaited = onReadWaited;
    assertEquals(waited, expected);
  });
}
