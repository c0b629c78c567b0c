import { assertEquals } from "@std/assert";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body } from "../session_calls.ts";
import { hello, Lone, request } from "../lone_session.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { EarlyFrames } from "../../../../lib/messages/session/control/early_frames.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "takeAll() returns copies of the frames in order, once",
  pure,
  () => {
    const early = new EarlyFrames(1000);
    const reused = Uint8Array.of(1, 2, 3);
    assertEquals(early.put(reused, 5), true);
    reused.fill(9);
    assertEquals(early.put(reused.subarray(0, 1), 7), true);
    assertEquals(early.put(new Uint8Array(), 8), true);
    const frames = () =>
      early.takeAll().map(({ frame, receivedAt }) => [[...frame], receivedAt]);
    assertEquals(frames(), [[[1, 2, 3], 5], [[9], 7], [[], 8]]);
    assertEquals(frames(), []);
    assertEquals(early.put(reused, 10), true);
    assertEquals(frames(), [[[9, 9, 9], 10]]);
  },
);

Deno.test(
  "put() accepts frames up to the limit, each with a charge of 64 bytes",
  pure,
  () => {
    const early = new EarlyFrames(1000);
    for (let n = 0; n < 10; n++) {
      assertEquals(early.put(new Uint8Array(36), n), true);
    }
    assertEquals(early.put(new Uint8Array(), 10), false);
    assertEquals(early.takeAll().length, 10);
    assertEquals(early.put(new Uint8Array(936), 11), true);
  },
);

Deno.test(
  "a server keeps 128 KiB of early frames, and not one byte more",
  pure,
  () => {
    for (const [more, code] of [[0, undefined], [1, "flow-control"]] as const) {
      const lone = new Lone("server");
      lone.accepts = false;
      lone.receive(Kind.HELLO, 0, hello("client"));
      // Each frame is charged with its header of 8 bytes and 64 bytes more.
      for (let frame = 0; frame < 16; frame++) {
        const length = 131_072 / 16 - 72 + (frame === 15 ? more : 0);
        lone.receive(Kind.NOTIFY, 0, body(length));
      }
      assertEquals(lone.ends[0]?.code, code);
    }
  },
);

Deno.test(
  "a stream that ends during authentication has its calls answered",
  pure,
  () => {
    for (const early of [true, false]) {
      const lone = new Lone("server");
      lone.accepts = false;
      lone.receive(Kind.HELLO, 0, hello("client"));
      if (early) lone.receive(Kind.REQUEST, 1, request(ASK));
      lone.session.enter(0).inputEnded(undefined);
      assertEquals(lone.ends.length, early ? 0 : 1, "without calls, it ends");
      lone.session.enter(0).accept();
      if (!early) continue;
      assertEquals([lone.session.state, lone.calls.length], ["input-ended", 1]);
      lone.session.enter(0).incoming.responses
        .respond(lone.calls[0]!.call, body(1), NO_FIELDS);
      lone.write();
      assertEquals(lone.sentKinds(), ["HELLO 0", "RESULT 1"]);
      assertEquals(lone.error.code, "disconnected");
    }
  },
);

Deno.test(
  "a stream that breaks during authentication ends the session",
  pure,
  () => {
    const lone = new Lone("server");
    lone.accepts = false;
    lone.receive(Kind.HELLO, 0, hello("client"));
    lone.receive(Kind.REQUEST, 1, request(ASK));
    lone.session.enter(0).inputEnded(new Error("reset"));
    assertEquals(lone.error.code, "disconnected");
    lone.session.enter(0).accept();
    assertEquals(lone.calls.length, 0);
  },
);
