import { assertEquals, assertThrows } from "@std/assert";
import { bytes } from "../../../../lib/messages/codec/bytes.ts";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { resolveSessionLimits } from "../../../../lib/messages/session/wire/limits.ts";
import {
  Flag,
  HEADER,
  Kind,
  readId,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import {
  FrameLog,
  type LoggedFrame,
} from "../../../../lib/messages/session/flow/frame_log.ts";
import {
  type FrameSink,
  FrameWriter,
} from "../../../../lib/messages/session/flow/frame_writer.ts";
import { body } from "../session_calls.ts";
import { Recorder } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

function setUp() {
  const sink = new Recorder();
  const writer = new FrameWriter(sink, bytes(), resolveSessionLimits());
  const send = (value: unknown, wait = false) => {
    const start = writer.beginMessage(Kind.ITEM, 1, NO_FIELDS);
    return writer.message(
      writer.putFields(start, Infinity, NO_FIELDS),
      value,
      wait,
    );
  };
  return { sink, writer, send };
}

Deno.test(
  "message() sends a message that fits in one frame and returns its cost",
  pure,
  () => {
    const { sink, writer, send } = setUp();
    assertEquals(send(body(10)), 2 + 10 + 64);
    assertEquals(send(body(10_000)), 2 + 10_000 + 64); // more than the reserved bytes
    assertEquals(sink.frames.map((frame) => frame.body.length), [12, 10_002]);
    assertEquals(writer.position, sink.bytesFramed);
  },
);

Deno.test(
  "message() returns a message that is too long for a frame or must wait",
  pure,
  () => {
    const { sink, writer, send } = setUp();
    const long = send(body(16 * 1024));
    assertEquals(long instanceof Uint8Array && long.length, 2 + 16 * 1024);
    assertEquals(sink.building, false); // an open frame keeps others from being sent
    assertEquals(
      (send(body(3, 9), true) as Uint8Array).slice(),
      Uint8Array.of(0, 0, 9, 9, 9),
    ); // a waiting message is encoded
    assertEquals(sink.building, false);
    const at = writer.beginMessage(Kind.RESULT, 1, NO_FIELDS);
    assertEquals(
      writer.emptyMessage(writer.putFields(at, 5, NO_FIELDS), true),
      Uint8Array.of(0, 7, 1, 0, 4, 0, 0, 0, 5),
    );
    assertEquals([sink.frames.length, sink.building], [0, false]);
  },
);

Deno.test(
  "message() rejects values without an encoding and messages above the peer's limit",
  pure,
  () => {
    const { sink, writer, send } = setUp();
    assertThrows(() => send({ not: "bytes" }));
    assertEquals(sink.building, false);
    assertEquals(
      assertThrows(() => send(body(65537)), CallError).code,
      "too-large",
    );
    writer.peerLimits = { ...writer.peerLimits, maxFrameBody: 128 * 1024 };
    assertEquals(
      assertThrows(() => send(body(65537)), CallError).code,
      "too-large",
    );
    send(body(1));
    assertEquals(sink.frames.length, 1);
  },
);

Deno.test(
  "message() says what helps with a message that is too large",
  pure,
  () => {
    const { writer } = setUp();
    const send = (kind: number) => {
      const start = writer.beginMessage(kind, 1, NO_FIELDS);
      const at = writer.putFields(start, Infinity, NO_FIELDS);
      return writer.message(at, body(65_537), false);
    };
    assertThrows(() => send(Kind.ITEM), CallError, "several smaller items");
    assertThrows(() => send(Kind.RESULT), CallError, "as items of a stream");
  },
);

Deno.test("close() discards all later frames", pure, () => {
  const { sink, writer, send } = setUp();
  send(body(1));
  const { position } = writer;
  writer.close();
  send(body(1));
  writer.frame(Kind.PING, 0, 0, body(8));
  assertEquals([
    sink.frames.length,
    writer.position,
    writer.isHandedOver(position),
  ], [
    1,
    position,
    true,
  ]);
});

Deno.test(
  "begin() throws while a value is being encoded, and the wire stays intact",
  pure,
  () => {
    const sink = new Recorder();
    const inner = bytes();
    const writer = new FrameWriter(sink, {
      ...inner,
      encodeInto(value, target, offset) {
        if (value === "nested") writer.frame(Kind.PING, 0, 0);
        return inner.encodeInto(body(3), target, offset);
      },
    }, resolveSessionLimits());
    const send = (value: unknown) => {
      const start = writer.beginMessage(Kind.ITEM, 1, NO_FIELDS);
      const at = writer.putFields(start, Infinity, NO_FIELDS);
      return writer.message(at, value, false);
    };
    assertThrows(() => send("nested"), TypeError, "from inside a value");
    assertEquals(sink.frames.length, 0);
    assertEquals(send("plain"), 2 + 3 + 64);
    assertEquals(sink.frames.length, 1);
  },
);

Deno.test(
  "fragment() marks every frame but the last, whatever the length",
  pure,
  () => {
    for (const more of [0, 1, 2]) {
      const { sink, writer } = setUp();
      const { maxFrameBody } = writer.peerLimits;
      const bytes = body(2 * maxFrameBody + more);
      const message = { kind: Kind.ITEM, offset: 0 };
      while (message.offset < bytes.length) writer.fragment(message, bytes, 1);
      const last = more === 0 ? [] : [[more, false]];
      assertEquals(
        sink.frames.map(({ body, more }) => [body.length, more]),
        [[maxFrameBody, true], [maxFrameBody, more > 0], ...last],
      );
    }
  },
);

Deno.test(
  "message() accepts exactly what the peer's limits allow",
  pure,
  () => {
    const writes: Record<
      string,
      (writer: FrameWriter, size: number) => unknown
    > = {
      message(writer, size) { // two bytes for its fields
        const start = writer.beginMessage(Kind.ITEM, 1, NO_FIELDS);
        const at = writer.putFields(start, Infinity, NO_FIELDS);
        return writer.message(at, body(size - 2), false);
      },
      emptyMessage(writer, size) {
        const fields = body(size - 2);
        const start = writer.beginMessage(Kind.RESULT, 1, fields);
        return writer.emptyMessage(
          writer.putFields(start, Infinity, fields),
          false,
        );
      },
    };
    for (const [name, write] of Object.entries(writes)) {
      for (const most of [500, 10_000]) { // within the reserved bytes, and beyond
        if (name === "emptyMessage" && most > 500) continue;
        const outcomes = [-1, 0, 1].map((more) => {
          const { sink, writer } = setUp();
          writer.peerLimits = { ...writer.peerLimits, maxFrameBody: most };
          const sent = write(writer, most + more);
          assertEquals(sink.building, false);
          assertEquals(sink.frames.length, typeof sent === "number" ? 1 : 0);
          return typeof sent === "number" ? sent - (most + more) : sent;
        });
        assertEquals(outcomes.slice(0, 2), [64, 64], name);
        assertEquals((outcomes[2] as Uint8Array).length, most + 1, name);
      }
    }
    for (const most of [500, 10_000]) {
      const { writer, send } = setUp();
      writer.peerLimits = { ...writer.peerLimits, maxMessage: most };
      assertEquals(send(body(most)), most + 2 + 64);
      assertThrows(() => send(body(most + 1)), CallError);
      writer.checkSize(most);
      assertThrows(() => writer.checkSize(most + 1), CallError);
    }
  },
);

Deno.test(
  "FrameWriter waits from exactly the bytes that its limits state",
  pure,
  () => {
    const { sink, writer } = setUp();
    const { unsentSoft } = resolveSessionLimits();
    const states: [number, boolean, boolean][] = [
      [0.75 * unsentSoft - 1, false, false],
      [0.75 * unsentSoft, true, false],
      [unsentSoft - 1, true, false],
      [unsentSoft, true, true],
    ];
    for (const [unsent, resultsWait, congested] of states) {
      sink.leaveUnsent(unsent);
      assertEquals(
        [writer.resultsWait, writer.hasRoom, writer.congested],
        [resultsWait, !resultsWait, congested],
      );
    }
    sink.leaveUnsent(0);
    writer.bulk.add(unsentSoft / 8);
    assertEquals([writer.resultsWait, writer.hasRoom], [false, true]); // taken
    sink.leaveUnsent(unsentSoft / 8);
    writer.bulk.add(unsentSoft / 8);
    assertEquals([writer.resultsWait, writer.hasRoom], [false, false]);
    sink.bytesHanded = 100;
    assertEquals(
      [99, 100, 101].map((position) => writer.isHandedOver(position)),
      [true, true, false],
    );
  },
);

Deno.test("FrameWriter records each frame as it is sent", pure, () => {
  const sent: LoggedFrame[] = [];
  let buffer = new Uint8Array(0);
  let start = 0;
  /** A sink whose frames begin somewhere in a buffer of their own. */
  const sink: FrameSink = {
    ...{ unsent: 0, bytesFramed: 0, bytesHanded: 0, abandon() {} },
    begin(capacity) {
      start = 7 + capacity % 5;
      buffer = new Uint8Array(start + capacity);
      return { buffer, start };
    },
    commit(end) {
      const frame = buffer.subarray(start, end);
      const [kind, flags] = frame;
      sent.push({
        ...{ at: 0, sent: true, kind: kind!, flags: flags!, id: readId(frame) },
        length: frame.length - HEADER,
      });
    },
  };
  const log = new FrameLog(10);
  const writer = new FrameWriter(sink, bytes(), resolveSessionLimits(), log);
  writer.frame(Kind.CANCEL, 0, 7, body(1));
  writer.frame(Kind.END, Flag.MORE, 9);
  writer.fragment({ kind: Kind.ITEM, offset: 0 }, body(20_000), 5);
  for (const size of [10, 5000]) { // in place, and copied
    const start = writer.beginMessage(Kind.RESULT, 3, NO_FIELDS);
    writer.message(
      writer.putFields(start, Infinity, NO_FIELDS),
      body(size),
      false,
    );
  }
  assertEquals(log.headers(), sent);
  assertEquals(sent.map(({ length }) => length), [1, 0, 16_384, 12, 5002]);
  assertEquals(
    log.sent.bytes,
    sent.reduce((sum, { length }) => sum + 4 + HEADER + length!, 0),
  );
});
