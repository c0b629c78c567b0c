import { assertEquals } from "@std/assert";
import {
  ConnectionCredit,
  GrantedCredit,
  MAX_CREDIT,
  SendCredit,
  totalOf,
  writeTotal,
} from "../../../../lib/messages/session/flow/credit.ts";
import { bytes } from "../../../../lib/messages/codec/bytes.ts";
import { FrameWriter } from "../../../../lib/messages/session/flow/frame_writer.ts";
import {
  FRAME_CHARGE,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { resolveSessionLimits } from "../../../../lib/messages/session/wire/limits.ts";
import type { Source } from "../../../../lib/messages/session/flow/send_scheduler.ts";
import { newSource } from "./new_source.ts";
import { frame, Recorder, total } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "SendCredit.raise() ignores a total that is not higher",
  pure,
  () => {
    const credit = new SendCredit(100);
    credit.charge(150);
    assertEquals(credit.available, -50);
    for (const granted of [200, 200, 0, 199]) {
      assertEquals(credit.raise(granted), true);
      assertEquals(credit.available, 50);
    }
  },
);

Deno.test(
  "SendCredit.raise() accepts credit of 2^31 - 1 and no more, however much was charged",
  pure,
  () => {
    const credit = new SendCredit(0);
    assertEquals([credit.raise(MAX_CREDIT + 1), credit.available], [false, 0]);
    assertEquals(credit.raise(MAX_CREDIT), true);
    credit.charge(10);
    assertEquals(credit.raise(MAX_CREDIT + 10), true);
    assertEquals(credit.available, MAX_CREDIT);
    assertEquals(credit.raise(MAX_CREDIT + 11), false);
  },
);

Deno.test(
  "SendCredit.mustWait() remembers the sources that wait, each one once",
  pure,
  () => {
    const credit = new SendCredit(100);
    const [a, b] = [newSource(), newSource()];
    assertEquals(credit.mustWait(a), false);
    assertEquals([credit.mustWait(a, 99), credit.mustWait(b, 100)], [
      false,
      true,
    ]);
    credit.charge(100);
    assertEquals([credit.mustWait(a), credit.mustWait(b)], [true, true]);
    const woken: Source[] = [];
    const resume = (sources: readonly Source[]) => void woken.push(...sources);
    credit.wake(resume);
    assertEquals(woken, []);
    credit.raise(300);
    credit.wake(resume);
    assertEquals(new Set(woken), new Set([a, b]));
    woken.length = 0;
    credit.wake(resume);
    assertEquals(woken, []);
  },
);

Deno.test(
  "SendCredit.wake() resumes only as many sources as the credit suffices for",
  pure,
  () => {
    for (const count of [10, 1000]) {
      const credit = new SendCredit(0);
      for (let i = 0; i < count; i++) credit.mustWait(newSource());
      const batches: number[] = [];
      const resume = (sources: readonly Source[]) => {
        batches.push(sources.length);
        for (const source of sources) {
          if (credit.available > 0) credit.charge(FRAME_CHARGE);
          credit.mustWait(source);
        }
      };
      for (let grant = 1; grant <= 5; grant++) {
        credit.raise(grant * FRAME_CHARGE);
        credit.wake(resume);
      }
      credit.raise(10 * FRAME_CHARGE);
      credit.wake(resume);
      assertEquals(batches, [1, 1, 1, 1, 1, 5]);
    }
  },
);

Deno.test(
  "SendCredit.wake() resumes the next sources if the first send nothing",
  pure,
  () => {
    const credit = new SendCredit(0);
    const sources = Array.from({ length: 100 }, newSource);
    for (const source of sources) credit.mustWait(source);
    let woken = 0;
    credit.raise(1);
    credit.wake((batch) => woken += batch.length);
    assertEquals(woken, 100);
  },
);

Deno.test("SendCredit.forget() removes a source that waits", pure, () => {
  const credit = new SendCredit(0);
  const [a, b] = [newSource(), newSource()];
  credit.mustWait(a);
  credit.mustWait(b, 50);
  credit.forget(a);
  credit.forget(b);
  credit.raise(1000);
  credit.wake(() => {
    throw new Error("none is left");
  });
});

Deno.test(
  "GrantedCredit.charge() allows the last frame to exceed the credit",
  pure,
  () => {
    const credit = new GrantedCredit(100);
    assertEquals([credit.charge(99), credit.charge(500), credit.charge(1)], [
      true,
      true,
      false,
    ]);
    assertEquals(credit.available, -500);
  },
);

Deno.test(
  "GrantedCredit.grant() grants what is owed once, and a raise",
  pure,
  () => {
    const credit = new GrantedCredit(100);
    credit.charge(80);
    credit.owe(30);
    credit.owe(20);
    assertEquals([credit.owed, credit.available], [50, 20]);
    assertEquals(credit.grant(), 150);
    assertEquals([credit.owed, credit.available], [0, 70]);
    assertEquals([credit.grant(7), credit.available], [157, 77]);
  },
);

Deno.test(
  "writeTotal() writes any total below 2^53, and totalOf() reads it",
  pure,
  () => {
    const sink = new Recorder();
    const writer = new FrameWriter(sink, bytes(), resolveSessionLimits());
    const totals = [
      0,
      1,
      2 ** 31,
      2 ** 48 - 1,
      2 ** 48,
      Number.MAX_SAFE_INTEGER,
    ];
    for (const granted of totals) {
      writeTotal(writer, Kind.WINDOW, 2, granted);
      const [sent] = sink.frames.splice(0);
      assertEquals([sent?.kind, sent?.id, sent?.flags], [Kind.WINDOW, 2, 0]);
      assertEquals(sent?.body, total(granted));
      assertEquals(totalOf(frame(Kind.WINDOW, 2, sent!.body)), granted);
    }
  },
);

Deno.test(
  "totalOf() returns undefined for a frame of another length or a total of 2^53",
  pure,
  () => {
    for (const length of [0, 4, 7, 9]) {
      assertEquals(
        totalOf(frame(Kind.CREDIT, 1, new Uint8Array(length))),
        undefined,
      );
    }
    assertEquals(totalOf(frame(Kind.CREDIT, 1, total(2 ** 53))), undefined);
    assertEquals(
      totalOf(frame(Kind.CREDIT, 1, new Uint8Array(8).fill(255))),
      undefined,
    );
  },
);

/** An account of 400 bytes, and the totals that it sends. */
function account() {
  const sink = new Recorder();
  const writer = new FrameWriter(sink, bytes(), resolveSessionLimits());
  const credit = new ConnectionCredit(writer, 1, 400);
  const totals = () =>
    sink.frames.splice(0).map(({ kind, id, body }) => {
      assertEquals([kind, id], [Kind.WINDOW, 1]);
      return totalOf(frame(kind, id, body));
    });
  return { credit, totals };
}

Deno.test(
  "ConnectionCredit.allowFrame() grants 1 if nothing is available, and nothing otherwise",
  pure,
  () => {
    for (
      const [charge, granted] of [[399, []], [400, [401]], [450, [
        451,
      ]]] as const
    ) {
      const { credit, totals } = account();
      credit.charge(charge);
      credit.allowFrame();
      assertEquals([totals(), credit.available], [[...granted], 1]);
      credit.allowFrame(); // once
      assertEquals([totals(), credit.available], [[], 1]);
    }
  },
);

Deno.test(
  "ConnectionCredit.release() grants from a quarter of the window on, unless it is paused",
  pure,
  () => {
    const { credit, totals } = account();
    credit.charge(300);
    credit.release(99);
    assertEquals(totals(), []);
    credit.release(1);
    assertEquals(totals(), [500]);
    credit.pause(true);
    credit.release(150);
    assertEquals(totals(), []);
    credit.pause(true);
    assertEquals(totals(), []);
    credit.pause(false);
    assertEquals([totals(), credit.owed], [[650], 0]);
  },
);

Deno.test(
  "ConnectionCredit.release() grants half as much together with another grant",
  pure,
  () => {
    const { credit, totals } = account();
    credit.charge(300);
    credit.release(49, true);
    assertEquals(totals(), []);
    credit.release(1);
    assertEquals(totals(), []);
    credit.release(0, true);
    assertEquals(totals(), [450]);
    credit.pause(true);
    credit.release(150, true);
    assertEquals(totals(), []);
    credit.pause(false);
    assertEquals([totals(), credit.owed], [[600], 0]);
  },
);

Deno.test(
  "GrantedCredit.charge() allows no frame once exactly all is used",
  pure,
  () => {
    const credit = new GrantedCredit(100);
    assertEquals([credit.charge(99), credit.available], [true, 1]);
    assertEquals([credit.charge(1), credit.available], [true, 0]);
    assertEquals([credit.charge(1), credit.available], [false, -1]);
    assertEquals([credit.charged, credit.unreturned, credit.owed], [
      101,
      101,
      0,
    ]);
    credit.owe(60);
    credit.withhold(10);
    assertEquals([credit.unreturned, credit.owed], [51, 50]);
    credit.repay(20);
    assertEquals([credit.unreturned, credit.owed], [31, 50]);
    assertEquals([credit.grant(5), credit.owed, credit.available], [
      155,
      0,
      54,
    ]);
  },
);

Deno.test(
  "ConnectionCredit.allowFrame() grants in advance, not in addition",
  pure,
  () => {
    const sink = new Recorder();
    const writer = new FrameWriter(sink, bytes(), resolveSessionLimits());
    const credit = new ConnectionCredit(writer, 1, 400);
    const granted = () =>
      sink.frames.splice(0).map((
        { kind, body },
      ) => [kind, totalOf(frame(kind, 0, body))]);
    credit.charge(399);
    credit.allowFrame();
    assertEquals([granted(), credit.available], [[], 1]);
    credit.charge(51);
    credit.allowFrame();
    credit.allowFrame();
    assertEquals(granted(), [[Kind.WINDOW, 451]]);
    assertEquals([credit.available, credit.owed, credit.unreturned], [
      1,
      -51,
      450,
    ]);
    credit.release(150); // 99 are owed: one less than a quarter
    assertEquals(granted(), []);
    credit.release(1);
    assertEquals(granted(), [[Kind.WINDOW, 551]]);
    credit.release(299);
    assertEquals(granted(), [[Kind.WINDOW, 850]]);
    assertEquals([credit.available, credit.owed, credit.unreturned], [
      400,
      0,
      0,
    ]);
  },
);

Deno.test(
  "ConnectionCredit.pause() holds back grants, and makes up for them",
  pure,
  () => {
    const sink = new Recorder();
    const writer = new FrameWriter(sink, bytes(), resolveSessionLimits());
    const credit = new ConnectionCredit(writer, 1, 400);
    credit.charge(300);
    credit.pause(true);
    credit.release(300);
    assertEquals([sink.frames.length, credit.owed], [0, 300]);
    credit.pause(false);
    assertEquals([sink.frames.length, credit.owed, credit.available], [
      1,
      0,
      400,
    ]);
  },
);
