import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import {
  Turn,
  TurnQueue,
  type TurnQueueHost,
} from "../../../lib/framing/stream/turn_queue.ts";

const PURE = { permissions: "none" } as const;

/** Number of iterations until the simulated event loop has polled sockets. */
const ITERATIONS = 5;

/** An event loop with a clock that only work advances. */
class Loop implements TurnQueueHost {
  readonly iterationsToPoll = ITERATIONS;
  time = 1000;
  /** Number of times that sockets have been polled. */
  polls = 0;
  /** Number of pauses. */
  pauses = 0;
  /** Milliseconds that an iteration takes by itself. */
  iterationTime = 0;
  /** Called when sockets are polled. */
  onPoll: () => void = () => {};
  #later: (() => void)[] = [];
  #iteration = 0;

  now(): number {
    return this.time;
  }

  later(callback: () => void): void {
    this.#later.push(callback);
  }

  /** Polls in the next iteration. */
  afterPause(callback: () => void): void {
    this.pauses++;
    this.#iteration += ITERATIONS - 1 - this.#iteration % ITERATIONS;
    this.#later.push(callback);
  }

  /** Runs iterations until none is left; polls in each `ITERATIONS`th. */
  async run(most: number): Promise<void> {
    for (; this.#later.length > 0 && most > 0; most--) {
      this.time += this.iterationTime;
      if (++this.#iteration % ITERATIONS === 0) {
        this.polls++;
        this.onPoll();
        await settled();
      }
      for (const callback of this.#later.splice(0)) callback();
      await settled();
    }
  }
}

/** Lets all microtasks run. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await null;
}

/** A connection with frames to handle. */
class Flood {
  /** Number of frames handled so far. */
  frames = 0;
  readonly #turn: Turn;
  readonly #loop: Loop;
  readonly #cost: number;
  readonly #trace: string[];
  readonly #name: string;

  constructor(
    loop: Loop,
    queue: TurnQueue,
    { name = "flood", cost = 1, trace = [] as string[], time = 4 } = {},
  ) {
    this.#turn = new Turn(queue, time);
    this.#loop = loop;
    this.#cost = cost;
    this.#trace = trace;
    this.#name = name;
  }

  /** Handles `count` frames, as the pump does. */
  async handle(count: number): Promise<void> {
    if (!this.#turn.free) await this.#turn.wait();
    this.#trace.push(this.#name);
    this.#turn.begin();
    for (; count > 0; count--) {
      this.frames++;
      this.#loop.time += this.#cost;
      if (!this.#turn.handled() || count === 1) continue;
      await this.#turn.wait();
      this.#trace.push(this.#name);
      this.#turn.begin();
    }
    this.#turn.end();
  }
}

Deno.test(
  "wait() polls sockets between two turns of a connection",
  PURE,
  async () => {
    const loop = new Loop();
    const trace: string[] = [];
    loop.onPoll = () => trace.push("poll");
    const flood = new Flood(loop, new TurnQueue(loop), { trace });
    const done = flood.handle(12);
    await loop.run(1000);
    await done;
    assertEquals(trace, ["flood", "poll", "flood", "poll", "flood"]);
  },
);

Deno.test(
  "wait() polls sockets between the turns of different connections",
  PURE,
  async () => {
    const loop = new Loop();
    const queue = new TurnQueue(loop);
    const trace: string[] = [];
    const floods = ["a", "b", "c"].map((name) =>
      new Flood(loop, queue, { name, trace })
    );
    const done = floods.map((flood) => flood.handle(12));
    loop.onPoll = () => trace.push("poll");
    await loop.run(1000);
    await Promise.all(done);
    const turns = trace.filter((one, i) => one !== trace[i - 1]);
    assertEquals(
      turns.join(" "),
      "a poll b poll c poll a poll b poll c poll a poll b poll c",
    );
  },
);

Deno.test(
  "wait() polls with one pause, and then serves all light connections, on a busy machine",
  PURE,
  async () => {
    const loop = new Loop();
    loop.iterationTime = 25; // other processes take the processor meanwhile
    const trace: string[] = [];
    loop.onPoll = () => trace.push("poll");
    const queue = new TurnQueue(loop);
    const others = Array.from(
      { length: 50 },
      () => new Flood(loop, queue, { name: "light", cost: 0.5, trace }),
    );
    const heavy = new Flood(loop, queue, { name: "heavy", trace }).handle(8);
    const start = loop.time;
    const done = others.map((other) => other.handle(1));
    await loop.run(8);
    await Promise.all(done);
    assertEquals(trace.filter((name) => name === "light").length, 50);
    assertLessOrEqual(loop.time - start, 8 * 25 + 50);
    await loop.run(100);
    await heavy;
    assert(loop.pauses > 0);
  },
);

Deno.test(
  "wait() serves many heavy connections after one pause on a busy machine",
  PURE,
  async () => {
    const loop = new Loop();
    loop.iterationTime = 25; // longer than a whole turn
    const queue = new TurnQueue(loop);
    const trace: string[] = [];
    loop.onPoll = () => trace.push("poll");
    const done = Array.from(
      { length: 40 },
      () => new Flood(loop, queue, { name: "heavy", trace }).handle(8),
    );
    // Light connections always have frames as well.
    let running = true;
    const others = Array.from({ length: 40 }, async () => {
      const other = new Flood(loop, queue, { cost: 0.5, name: "light", trace });
      while (running) await other.handle(1);
    });
    await loop.run(40);
    await Promise.all(done);
    running = false;
    await loop.run(1000);
    await Promise.all(others);
    const last = trace.lastIndexOf("heavy");
    const polls = trace.slice(0, last).filter((name) => name === "poll");
    assertLessOrEqual(polls.length, 8);
  },
);

Deno.test(
  "wait() serves a connection that works little in each gap between heavy turns",
  PURE,
  async () => {
    const loop = new Loop();
    const queue = new TurnQueue(loop);
    const trace: string[] = [];
    const light = new Flood(loop, queue, { name: "light", cost: 0.1, trace });
    const running: Promise<void>[] = [];
    for (let i = 0; i < 10; i++) {
      running.push(
        new Flood(loop, queue, { name: "heavy", trace }).handle(400),
      );
    }
    // One frame arrives whenever sockets are polled.
    loop.onPoll = () => running.push(light.handle(1));
    await loop.run(4000);
    let gap = 0;
    let largest = 0;
    for (const name of trace.slice(20)) {
      gap = name === "heavy" ? gap + 1 : 0;
      largest = Math.max(largest, gap);
    }
    assertLessOrEqual(largest, 1);
    assert(light.frames > 200, `${light.frames}`);
  },
);

Deno.test(
  "wait() lets a connection with 100 times the frames have a turn per round only",
  PURE,
  async () => {
    const loop = new Loop();
    const queue = new TurnQueue(loop);
    const trace: string[] = [];
    const many = new Flood(loop, queue, { name: "many", trace });
    const few = new Flood(loop, queue, { name: "few", trace });
    const done = [many.handle(4000), few.handle(40)];
    await loop.run(1000);
    const last = trace.lastIndexOf("few");
    const before = trace.slice(0, last).filter((name) => name === "many");
    assertEquals(trace.filter((name) => name === "few").length, 10);
    assertLessOrEqual(before.length, 11);
    await loop.run(100_000);
    await Promise.all(done);
  },
);

Deno.test(
  "wait() never keeps a heavy connection from its turn",
  PURE,
  async () => {
    const loop = new Loop();
    const queue = new TurnQueue(loop);
    const heavy = new Flood(loop, queue);
    const done = heavy.handle(400);
    // 50 connections that always have frames, in small reads.
    let running = true;
    const others = Array.from({ length: 50 }, async () => {
      const other = new Flood(loop, queue);
      while (running) await other.handle(1);
      return other.frames;
    });
    await loop.run(2000);
    running = false;
    const most = heavy.frames;
    await loop.run(1e6);
    const frames = await Promise.all(others);
    assertLessOrEqual(Math.max(...frames) - Math.min(...frames), 8);
    assertLessOrEqual(Math.abs(Math.max(...frames) - most), 8);
    assert(most > 16, `${most}`);
    await done;
  },
);

/** Works for a whole turn and begins a read. */
function workAndRead(loop: Loop, turn: Turn): void {
  turn.begin();
  loop.time += 4;
  turn.end();
  turn.beginRead();
}

Deno.test(
  "endRead() makes the connection free if the read had to wait",
  PURE,
  async () => {
    const loop = new Loop();
    const turn = new Turn(new TurnQueue(loop), 4);
    for (let read = 0; read < 4; read++) {
      workAndRead(loop, turn);
      await settled();
      turn.endRead();
      assertEquals(turn.free, true);
    }
  },
);

Deno.test(
  "endRead() leaves the connection without a turn if bytes were ready",
  PURE,
  async () => {
    const loop = new Loop();
    const turn = new Turn(new TurnQueue(loop), 4);
    for (let read = 0; read < 4; read++) {
      workAndRead(loop, turn);
      await null;
      turn.endRead();
      assertEquals(turn.free, false);
      await settled(); // after that read, not the next one
    }
  },
);

Deno.test(
  "endRead() takes waiting for polling only for 32 ms of work",
  PURE,
  async () => {
    const loop = new Loop();
    const turn = new Turn(new TurnQueue(loop), 4);
    let reads = 0;
    do {
      workAndRead(loop, turn);
      await settled();
      turn.endRead();
      reads++;
    } while (turn.free);
    assertEquals(reads, 9);
    void turn.wait();
    await loop.run(100);
    assertEquals(turn.free, true);
  },
);

Deno.test(
  "endRead() changes nothing while connections wait for their turn",
  PURE,
  async () => {
    const loop = new Loop();
    const queue = new TurnQueue(loop);
    const [turn, other] = [new Turn(queue, 4), new Turn(queue, 4)];
    workAndRead(loop, other);
    const waits = other.wait();
    workAndRead(loop, turn);
    await settled();
    turn.endRead();
    assertEquals(turn.free, false);
    await loop.run(100);
    await waits;
  },
);

Deno.test("free is true again in the next round", PURE, async () => {
  const loop = new Loop();
  const queue = new TurnQueue(loop);
  const turn = new Turn(queue, 4);
  turn.begin();
  loop.time += 10;
  assertEquals(turn.end(), true);
  assertEquals(turn.free, false);
  const other = new Turn(queue, 4);
  assertEquals(other.free, false); // sockets have not been polled since
  void other.wait();
  await loop.run(100);
  assertEquals([turn.free, other.free], [true, true]);
});

Deno.test(
  "count() counts time that two connections share only once",
  PURE,
  () => {
    const loop = new Loop();
    const queue = new TurnQueue(loop);
    const start = loop.time;
    loop.time += 3;
    assertEquals([queue.count(start), queue.count(start)], [3, 0]);
    loop.time -= 2; // a clock that goes back adds nothing
    assertEquals([queue.count(start), queue.worked], [0, 3]);
  },
);

Deno.test(
  "handled() reads the clock at most 20 times for 10,000 cheap frames",
  PURE,
  () => {
    const loop = new Loop();
    let reads = 0;
    loop.now = () => {
      reads++;
      return 0;
    };
    const turn = new Turn(new TurnQueue(loop), 4);
    turn.begin();
    for (let i = 0; i < 10_000; i++) turn.handled();
    assertLessOrEqual(reads, 22);
  },
);

Deno.test("handled() ends a turn of costly frames at the fourth", PURE, () => {
  const loop = new Loop();
  const turn = new Turn(new TurnQueue(loop), 4);
  turn.begin();
  const ended = [1, 2, 3, 4].map(() => {
    loop.time += 100;
    return turn.handled();
  });
  assertEquals(ended, [false, false, false, true]);
});
