import { assert, assertEquals } from "@std/assert";
import type { LinkSink } from "../../../../lib/messages/session/resume/resumable_sink.ts";
import { ResumableSink } from "../../../../lib/messages/session/resume/resumable_sink.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A link that takes bytes when the test says so. */
class TestLink implements LinkSink {
  bytesFramed = 0;
  bytesHanded = 0;
  taken = 0;
  readonly frames: Uint8Array[] = [];
  readonly #buffer = new Uint8Array(1_000);

  get unsent(): number {
    return this.bytesFramed - this.taken;
  }

  begin() {
    return { buffer: this.#buffer, start: 0 };
  }

  commit(end: number): void {
    this.write(this.#buffer.subarray(0, end));
  }

  abandon(): void {}

  write(payload: Uint8Array): void {
    this.frames.push(payload.slice());
    this.bytesFramed += 4 + payload.length;
  }

  take(): void {
    this.taken = this.bytesHanded = this.bytesFramed;
  }

  /** Kinds of the frames, or the numbers in their bodies. */
  get sent(): number[] {
    return this.frames.map(([kind, ...rest]) =>
      kind === Kind.NOTIFY ? rest.at(-1)! : -kind! // put() wrote it
    );
  }
}

function put(sink: ResumableSink, number: number, length = 100): void {
  const { buffer, start } = sink.begin(length);
  buffer.fill(number, start, start + length);
  buffer[start] = Kind.NOTIFY;
  sink.commit(start + length);
}

function putKind(sink: ResumableSink, kind: number): void {
  const { buffer, start } = sink.begin(8);
  buffer[start] = kind;
  sink.commit(start + 8);
}

Deno.test(
  "ResumableSink passes frames on at once while it has a link",
  pure,
  () => {
    const link = new TestLink();
    const sink = new ResumableSink(link);
    putKind(sink, Kind.HELLO);
    put(sink, 1);
    putKind(sink, Kind.PING);
    put(sink, 2);
    assertEquals(link.sent, [-Kind.HELLO, 1, -Kind.PING, 2]);
    assertEquals(sink.bytesFramed, link.bytesFramed);
    assertEquals(sink.unsent, link.unsent);
    link.take();
    assertEquals([sink.unsent, sink.bytesHanded], [0, sink.bytesFramed]);
    assertEquals(sink.passedPosition, 2);
  },
);

Deno.test(
  "ResumableSink sends on a new link what the peer has not read",
  pure,
  () => {
    const first = new TestLink();
    const sink = new ResumableSink(first);
    for (let n = 1; n <= 3; n++) put(sink, n);
    first.take();
    put(sink, 4);
    const handed = sink.bytesHanded;
    sink.cut();
    assertEquals(sink.unsent, 104); // of frame 4
    put(sink, 5);
    putKind(sink, Kind.PING); // lost with the link
    assertEquals([sink.unsent, sink.bytesHanded], [208, handed]);
    const second = new TestLink();
    sink.attach(second);
    putKind(sink, Kind.HELLO);
    assertEquals(second.sent, [-Kind.HELLO]);
    sink.replayAfter(2);
    put(sink, 6);
    assertEquals(second.sent, [-Kind.HELLO, 3, 4, 5, 6]);
    assert(sink.replaying > 0);
    second.take();
    assertEquals([sink.unsent, sink.replaying], [0, 0]);
    assertEquals(sink.bytesHanded, sink.bytesFramed);
  },
);

Deno.test(
  "ResumableSink sends frames again only as fast as the link takes them",
  pure,
  () => {
    const sink = new ResumableSink(new TestLink());
    for (let n = 1; n <= 10; n++) put(sink, n, 100_000);
    sink.cut();
    const link = new TestLink();
    sink.attach(link);
    sink.replayAfter(0);
    assertEquals(link.sent, [1, 2, 3]);
    put(sink, 11); // keeps its place
    putKind(sink, Kind.PING); // passes the frames that wait
    assertEquals(link.sent, [1, 2, 3, -Kind.PING]);
    assertEquals(sink.passedPosition, 3);
    link.take();
    sink.feed();
    assertEquals(link.sent.slice(4), [4, 5, 6]);
    putKind(sink, Kind.GOAWAY); // nothing is sent after it
    assertEquals(link.sent.slice(7), [7, 8, 9, 10, 11, -Kind.GOAWAY]);
    assertEquals(sink.unsent, link.unsent);
  },
);

Deno.test("ResumableSink drops the oldest frames above its limit", pure, () => {
  const link = new TestLink();
  const sink = new ResumableSink(link);
  sink.limit = 200_000;
  for (let n = 1; n <= 100; n++) put(sink, n, 10_000);
  assertEquals(link.sent.length, 100); // it never waits
  assert(sink.frames.held <= 200_000);
  assertEquals(sink.frames.complete, false);
  assertEquals(sink.overflowed, false);
});

Deno.test(
  "ResumableSink sends a frame above its limit, and keeps none of it",
  pure,
  () => {
    const link = new TestLink();
    const sink = new ResumableSink(link);
    sink.limit = 1_000;
    put(sink, 1, 100_000);
    assertEquals([link.frames[0]!.length, sink.frames.held], [100_000, 0]);
    assertEquals(sink.frames.complete, false);
    sink.frames.acknowledge(1);
    assertEquals(sink.frames.complete, true);
  },
);

Deno.test("ResumableSink reports when too much waits for a link", pure, () => {
  const sink = new ResumableSink(new TestLink());
  sink.limit = 200_000;
  sink.cut();
  for (let n = 1; n <= 8; n++) put(sink, n, 10_000);
  assertEquals(sink.overflowed, false);
  for (let n = 9; n <= 30; n++) put(sink, n, 10_000);
  assertEquals([sink.overflowed, sink.frames.firstKept], [true, 1]);
});

Deno.test(
  "ResumableSink keeps nothing for a peer without the feature",
  pure,
  () => {
    const link = new TestLink();
    const sink = new ResumableSink(link);
    put(sink, 1);
    sink.stopKeeping();
    put(sink, 2);
    assertEquals(link.sent, [1, 2]);
    assertEquals([sink.frames.held, sink.held], [0, 0]);
    assertEquals(sink.bytesFramed, link.bytesFramed);
    link.take();
    assertEquals([sink.unsent, sink.bytesHanded], [0, link.bytesFramed]);
  },
);

Deno.test(
  "ResumableSink knows which bytes the peer of a lost session has read",
  pure,
  () => {
    const link = new TestLink();
    const sink = new ResumableSink(link);
    const ends: number[] = [];
    for (let n = 1; n <= 4; n++) {
      put(sink, n);
      ends.push(sink.bytesFramed);
    }
    link.take();
    sink.cut();
    assertEquals(sink.bytesHanded, ends[3]);
    sink.endedAt(2);
    assertEquals(sink.bytesHanded, ends[1]);
  },
);

Deno.test(
  "endedAt() needs the frame after what the peer has read",
  pure,
  () => {
    const sink = new ResumableSink(new TestLink());
    sink.limit = 200_000;
    for (let n = 1; n <= 100; n++) put(sink, n, 10_000);
    sink.cut();
    const { firstKept, sent } = sink.frames;
    assert(firstKept > 2);
    const handed = sink.bytesHanded;
    for (const received of [0, firstKept - 3, firstKept - 2, sent, sent + 1]) {
      sink.endedAt(received);
      assertEquals(sink.bytesHanded, handed);
    }
    sink.endedAt(sent - 1);
    assertEquals(sink.bytesHanded, 99 * 10_004);
    sink.endedAt(firstKept - 1);
    assertEquals(sink.bytesHanded, (firstKept - 1) * 10_004);
  },
);

Deno.test("ResumableSink keeps up to its limit, exactly", pure, () => {
  const size = (count: number) => {
    const sink = new ResumableSink(new TestLink());
    for (let n = 1; n <= count; n++) put(sink, n, 20_000);
    return sink.frames.held;
  };
  for (const less of [0, 1]) {
    const sink = new ResumableSink(new TestLink()); // with a link, the oldest go
    sink.limit = size(3) - less;
    for (let n = 1; n <= 3; n++) put(sink, n, 20_000);
    assertEquals([sink.frames.firstKept, sink.overflowed], [1 + less, false]);
    const cut = new ResumableSink(new TestLink()); // without one, none may go
    cut.limit = size(3) - less;
    cut.cut();
    for (let n = 1; n <= 3; n++) put(cut, n, 20_000);
    assertEquals([cut.frames.firstKept, cut.overflowed], [1, less > 0]);
    cut.attach(new TestLink());
    cut.replayAfter(0);
    assertEquals(cut.overflowed, false);
  }
});

Deno.test(
  "ResumableSink discards an open frame where it was begun",
  pure,
  () => {
    const events: string[] = [];
    class Link extends TestLink {
      override abandon(): void {
        events.push("link");
      }
    }
    const sink = new ResumableSink(new Link());
    sink.begin(10);
    sink.abandon();
    put(sink, 1);
    assertEquals([events, sink.frames.sent], [[], 1]);
    sink.stopKeeping();
    assertEquals(sink.frames.held, 0);
    sink.begin(10);
    sink.abandon();
    assertEquals(events, ["link"]);
    put(sink, 2);
    assertEquals([sink.frames.sent, sink.bytesFramed], [1, 208]);
    sink.cut();
    sink.begin(10); // its frames go nowhere
    sink.abandon();
    put(sink, 3);
    assertEquals([events.length, sink.bytesFramed], [1, 208]);
  },
);

Deno.test(
  "ResumableSink counts what waits for a link, and for room in its buffer",
  pure,
  () => {
    const first = new TestLink();
    const sink = new ResumableSink(first);
    for (let n = 1; n <= 6; n++) put(sink, n, 100_000);
    const total = sink.bytesFramed;
    sink.cut();
    sink.cut(); // a second time has no effect
    const link = new TestLink();
    sink.attach(link);
    sink.replayAfter(1);
    const frame = 100_004;
    for (let passed = 3; passed <= 5; passed++) {
      assertEquals(link.sent.length, passed);
      assertEquals(sink.waiting, (5 - passed) * frame);
      assertEquals(sink.replaying, Math.min(5, 5 - passed + 3) * frame);
      assertEquals(sink.unsent, sink.replaying);
      link.taken += frame;
      sink.feed();
    }
    assertEquals([sink.waiting, sink.passedPosition], [0, 6]);
    link.take();
    assertEquals([sink.unsent, sink.bytesHanded], [0, total]);
    sink.cut();
    sink.attach(new TestLink());
    sink.replayAfter(6); // nothing is missing
    assertEquals([sink.waiting, sink.unsent, sink.replaying], [0, 0, 0]);
    put(sink, 7);
    assertEquals([sink.passedPosition, sink.waiting], [7, 0]);
  },
);
