import { assertEquals } from "@std/assert";
import { FrameLog } from "../../../../lib/messages/session/flow/frame_log.ts";
import {
  HEADER,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { mulberry32 } from "../../../framing/random.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("FrameLog keeps the last headers, oldest first", pure, () => {
  for (const most of [1, 7, 8, 9, 32, 100]) {
    const log = new FrameLog(most);
    for (let id = 1; id <= 150; id++) {
      log.clock = { now: id / 2 };
      log.add(id % 3 === 0, Kind.REQUEST, id % 256, id * 2 ** 30, id * 1000);
      const headers = log.headers();
      assertEquals(headers.length, Math.min(id, most));
      const ids = headers.map(({ id }) => id / 2 ** 30);
      assertEquals(ids.at(-1), id);
      assertEquals(ids.every((next, at) => next === ids[0]! + at), true);
    }
    assertEquals(log.headers().at(-1), {
      at: 75,
      sent: true,
      kind: Kind.REQUEST,
      flags: 150,
      id: 150 * 2 ** 30,
      length: 150_000,
    });
    assertEquals(log.held, 24 * most);
  }
});

Deno.test("FrameLog holds little for an idle session", pure, () => {
  const log = new FrameLog(32);
  assertEquals(log.held, 0);
  for (let count = 0; count < 100; count++) log.add(true, Kind.PING, 0, 0, 8);
  assertEquals([log.held, log.headers().length], [8 * 24, 8]);
  for (let id = 1; id < 100; id += 2) log.add(true, Kind.REQUEST, 0, id, 8);
  assertEquals([log.held, log.headers().length], [32 * 24, 32]);
});

Deno.test("FrameLog does not show the length of credentials", pure, () => {
  const log = new FrameLog(4);
  for (const kind of [Kind.HELLO, Kind.AUTH, Kind.GOAWAY]) {
    log.add(false, kind, 0, 0, 21);
  }
  const lengths = log.headers().map(({ length }) => length);
  assertEquals(lengths, [undefined, undefined, 21]);
});

Deno.test(
  "FrameLog counts frames by kind, and records none by default",
  pure,
  () => {
    const log = new FrameLog();
    log.add(true, Kind.RESULT, 0, 1, 10);
    log.add(false, 0x7f, 0, 1, 0);
    log.add(false, Kind.ACK, 0, 1, 0);
    assertEquals([log.sent.bytes, log.received.bytes], [22, 24]);
    assertEquals(log.sent.byKind.filter((count) => count > 0), [1]);
    assertEquals(log.received.byKind[0], 1);
    assertEquals([log.held, log.headers()], [0, []]);
  },
);

Deno.test(
  "FrameLog keeps the last headers, and grows with frames of calls only",
  pure,
  () => {
    for (const most of [0, 1, 5, 8, 20, 64]) {
      const log = new FrameLog(most);
      const random = mulberry32(most);
      const clock = { now: 0 };
      log.clock = clock;
      let room = Math.min(8, most);
      let list: unknown[] = [];
      let bytes = 0;
      const kinds = Object.values(Kind);
      for (let round = 0; round < 300; round++) {
        clock.now += random(3);
        const kind = kinds[random(round < 100 ? 5 : kinds.length)]!;
        const [id, flags, length] = [random(9), random(4), random(70_000)];
        const sent = random(2) === 1;
        log.add(sent, kind, flags, id, length);
        if (sent) bytes += 4 + HEADER + length;
        if (kind >= Kind.REQUEST && list.length === room) {
          room = Math.min(
            2 * room,
            most,
          );
        }
        const isSecret = kind === Kind.HELLO || kind === Kind.AUTH;
        const shown = isSecret ? undefined : length;
        list.push({ at: clock.now, sent, kind, flags, id, length: shown });
        list = list.slice(-room || list.length);
        assertEquals(log.headers(), list);
        assertEquals(log.held, most === 0 ? 0 : 8 * 3 * room);
      }
      assertEquals(log.sent.bytes, bytes);
    }
  },
);

Deno.test("times of early frames do not go back", pure, () => {
  const log = new FrameLog(4);
  for (const now of [0, 470, 1, 2, 480]) {
    log.clock = { now };
    log.add(false, Kind.REQUEST, 0, 1, 8);
  }
  assertEquals(log.headers().map(({ at }) => at), [470, 470, 470, 480]);
});
