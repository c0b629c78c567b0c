import { assertEquals } from "@std/assert";
import type { FrameError } from "../../../lib/framing/errors.ts";
import { u32be } from "../../../lib/framing/length_presets.ts";
import {
  FrameTimer,
  type FrameTimes,
} from "../../../lib/framing/stream/frame_timer.ts";
import { FakeTime } from "./fake_time.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A timer of a frame, a reader, and a clock that may run ahead of timers. */
class Timed implements Disposable {
  readonly time = new FakeTime();
  readonly decoder = u32be().decoder();
  readonly reader = { bytesRead: 0, frames: 0, reading: true };
  readonly errors: FrameError[] = [];
  readonly timer: FrameTimer;
  /** Milliseconds for which the process is busy before its next timer. */
  busy = 0;

  constructor(times: Partial<FrameTimes> = {}) {
    const { now } = performance;
    performance.now = () => now() + this.busy;
    this.timer = new FrameTimer(
      this.decoder,
      { frameTimeout: 100, minByteRate: 0, ...times },
      (error) => this.errors.push(error),
    );
  }

  /** Receives bytes, and begins another read. */
  receive(...bytes: number[]): void {
    this.decoder.push(new Uint8Array(bytes));
    this.reader.bytesRead += bytes.length;
    while (this.decoder.next() !== undefined) this.reader.frames++;
    this.timer.begin(this.reader);
  }

  [Symbol.dispose](): void {
    this.timer.stop();
    assertEquals(this.time.timers, 0);
    this.time[Symbol.dispose]();
  }
}

const iteration = () => new Promise((resolve) => setImmediate(resolve));

Deno.test("FrameTimer fires twice before a timeout on time", none, () => {
  using timed = new Timed();
  const { time, errors } = timed;
  timed.receive(0, 0, 0, 1, 7, 0, 0);
  time.tick(99);
  assertEquals([errors.length, time.armed, time.timers], [0, 2, 1]);
  time.tick(0.5);
  assertEquals(errors.length, 0);
  time.tick(0.5);
  assertEquals([errors.length, time.timers], [1, 0]);
  const [{ code, frameIndex, streamOffset, head, message }] = errors as [
    FrameError,
  ];
  assertEquals([code, frameIndex, streamOffset], ["timeout", 1, 5]);
  assertEquals(head, new Uint8Array(2));
  assertEquals(message.includes("no byte arrived within 100 ms"), true);
});

Deno.test(
  "FrameTimer that fires late waits for a poll of the sockets",
  none,
  async () => {
    using timed = new Timed();
    const { time, errors } = timed;
    timed.receive(0);
    timed.busy = 50;
    time.tick(99);
    assertEquals([errors.length, time.timers], [0, 0]);
    await iteration();
    assertEquals([errors.length, time.timers], [0, 1]);
    time.tick(1);
    assertEquals([errors.length, time.timers], [1, 0]);
  },
);

Deno.test(
  "bytes that arrive in the poll begin another time limit",
  none,
  async () => {
    using timed = new Timed();
    const { time, errors } = timed;
    timed.receive(0);
    timed.busy = 50;
    time.tick(99);
    timed.receive(0);
    await iteration();
    assertEquals([time.armed, time.timers], [2, 1]);
    time.tick(99);
    time.tick(0.5);
    assertEquals(errors.length, 0);
    time.tick(0.5);
    assertEquals(errors.length, 1);
  },
);

Deno.test(
  "FrameTimer.stop() arms no timer after a poll, nor in any state",
  none,
  async () => {
    using timed = new Timed();
    const { time, errors } = timed;
    timed.receive(0);
    timed.busy = 50;
    time.tick(99);
    timed.timer.stop();
    await iteration();
    assertEquals([errors.length, time.timers], [0, 0]);
    timed.receive(0); // it may begin again
    assertEquals(time.timers, 1);
    timed.timer.stop();
    assertEquals(time.timers, 0);
    timed.receive(0);
    time.tick(99); // the second firing needs a poll, too
    time.tick(0.5);
    assertEquals([errors.length, time.timers], [0, 1]);
  },
);

Deno.test(
  "FrameTimer rests while no read is in progress, or between frames",
  none,
  () => {
    using timed = new Timed();
    const { time, errors, reader } = timed;
    timed.receive(0);
    reader.reading = false;
    time.tick(1000);
    assertEquals([errors.length, time.timers], [0, 0]);
    reader.reading = true;
    timed.receive(0, 0);
    assertEquals(time.timers, 1);
    timed.receive(0); // a frame ends; the timer fires once more
    time.tick(1000);
    assertEquals([errors.length, time.timers, time.armed], [0, 0, 2]);
    timed.receive(0);
    assertEquals(time.timers, 1);
  },
);

Deno.test("FrameTimer is armed once, and moved when it fires", none, () => {
  using timed = new Timed();
  const { time, errors } = timed;
  timed.receive(0, 0, 0, 200);
  for (let i = 0; i < 199; i++) {
    time.tick(50);
    timed.receive(i);
  }
  assertEquals([errors.length, time.timers], [0, 1]);
  assertEquals(time.armed <= 200, true); // not once for each chunk and firing
  time.tick(99);
  assertEquals(errors.length, 0);
  time.tick(1);
  assertEquals(errors.length, 1);
});

Deno.test("FrameTimer extends the time of a frame by its bytes", none, () => {
  using timed = new Timed({ minByteRate: 100 });
  const { time, errors } = timed;
  timed.receive(0, 0, 0, 200); // 100 ms, and 10 ms for each byte
  for (let i = 0; i < 5; i++) {
    time.tick(25);
    timed.receive(0);
  }
  time.tick(64); // until 100 ms + 9 bytes: 190 ms
  assertEquals(errors.length, 0);
  time.tick(1);
  assertEquals(errors.length, 1);
  assertEquals(
    errors[0]!.message.includes("less than 100 bytes per second"),
    true,
  );
});
