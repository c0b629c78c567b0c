import { accountsOf, heldBy, HOLDS_NOTHING } from "../accounts.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body, NOTE, TALK, UP } from "../session_calls.ts";
import { errorOf, Lone, message, request, total } from "../lone_session.ts";

const pure = { permissions: "none" } as const;
const MORE = Flag.MORE;

Deno.test(
  "RequestReader requires rising ids of the caller's parity",
  pure,
  () => {
    for (
      const [role, ids] of [["server", [1, 3, 9]], ["client", [
        2,
        4,
        8,
      ]]] as const
    ) {
      const lone = Lone.open(role);
      for (const id of ids) lone.receive(Kind.REQUEST, id, request(ASK));
      assertEquals(lone.calls.map(({ call }) => call.id), [...ids]);
      for (const bad of [ids[2], ids[1], ids[2] + 1, 0]) {
        const other = Lone.open(role);
        for (const id of ids) other.receive(Kind.REQUEST, id, request(ASK));
        other.receive(Kind.REQUEST, bad, request(ASK));
        assertEquals([bad, other.ends[0]?.code], [bad, "protocol"]);
      }
    }
  },
);

Deno.test(
  "RequestReader reassembles a request while other messages come between its frames",
  pure,
  () => {
    const lone = Lone.open("server");
    const whole = request(ASK, body(100, 5));
    lone.receive(Kind.REQUEST, 1, whole.subarray(0, 3), MORE);
    lone.receive(Kind.PING, 0, body(8));
    lone.receive(Kind.REQUEST, 1, whole.subarray(3, 50), MORE);
    assertEquals([lone.calls.length, accountsOf(lone.session).assembling], [
      0,
      50,
    ]);
    lone.receive(Kind.REQUEST, 1, whole.subarray(50));
    assertEquals(lone.calls[0]?.input, body(100, 5));
    const { assembling, timers } = accountsOf(lone.session);
    assertEquals([assembling, timers], [0, 0]);
    lone.receive(Kind.REQUEST, 3, whole.subarray(0, 9), MORE);
    lone.receive(Kind.REQUEST, 5, request(ASK, [5]));
    lone.receive(Kind.NOTIFY, 0, request(NOTE));
    lone.receive(Kind.REQUEST, 3, whole.subarray(9));
    assertEquals(lone.calls.map(({ call }) => call.id), [1, 5, 3]);
    assertEquals([lone.notes.length, lone.ends], [1, []]);
  },
);

Deno.test(
  "RequestReader keeps the frames of different requests and of a notification apart",
  pure,
  () => {
    const lone = Lone.open("server");
    const messages = [0, 1, 3, 5].map((id) => ({
      id,
      kind: id === 0 ? Kind.NOTIFY : Kind.REQUEST,
      whole: request(id === 0 ? NOTE : ASK, body(30, id)),
    }));
    for (let at = 0; at < 34; at += 10) {
      for (const { id, kind, whole } of messages) {
        const last = at + 10 >= whole.length;
        lone.receive(kind, id, whole.subarray(at, at + 10), last ? 0 : MORE);
      }
    }
    assertEquals(lone.calls.map(({ input }) => input), [
      body(30, 1),
      body(30, 3),
      body(30, 5),
    ]);
    assertEquals(lone.notes, [body(30, 0)]);
    assertEquals(heldBy(lone.session), HOLDS_NOTHING);
  },
);

Deno.test(
  "RequestReader refuses the request that exceeds maxAssembly, not the others",
  pure,
  () => {
    const lone = Lone.open("server", { maxAssembly: 131_072 });
    lone.receive(Kind.REQUEST, 1, request(ASK, body(40_000)), MORE);
    lone.receive(Kind.REQUEST, 3, request(ASK, body(40_000)), MORE);
    const [refusal] = lone.sent();
    assertEquals([refusal?.id, errorOf(refusal!)], [3, {
      code: 6,
      processed: 0,
      retry: 1,
    }]);
    lone.receive(Kind.REQUEST, 3, [1]); // dropped
    lone.receive(Kind.REQUEST, 1, [1]);
    assertEquals(lone.calls.map(({ input }) => input.length), [40_001]);
    assertEquals([lone.ends, heldBy(lone.session)], [[], HOLDS_NOTHING]);
  },
);

Deno.test(
  "RequestReader refuses a request when maxCalls others are incomplete",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32 });
    const whole = request(ASK);
    for (let id = 1; id < 67; id += 2) {
      lone.receive(Kind.REQUEST, id, whole.slice(0, 2), MORE);
    }
    const [refusal, ...others] = lone.sent();
    assertEquals([refusal?.id, errorOf(refusal!), others], [
      65,
      { code: 6, processed: 0, retry: 1 },
      [],
    ]);
    lone.receive(Kind.REQUEST, 65, whole.slice(2)); // dropped
    for (let id = 1; id < 65; id += 2) {
      lone.receive(Kind.REQUEST, id, whole.slice(2));
    }
    assertEquals([lone.calls.length, lone.ends], [32, []]);
  },
);

Deno.test(
  "RequestReader forgets the oldest refused requests beyond maxCalls",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32, maxFragments: 1 });
    for (let id = 1; id < 68; id += 2) {
      lone.receive(Kind.REQUEST, id, body(4), MORE);
      lone.receive(Kind.REQUEST, id, body(4), MORE);
    }
    assertEquals(lone.sent().length, 34);
    lone.receive(Kind.REQUEST, 67, body(4)); // still known
    assertEquals(lone.ends, []);
    lone.receive(Kind.REQUEST, 1, body(4)); // forgotten
    assertEquals(lone.error.code, "protocol");
  },
);

Deno.test(
  "RequestReader refuses a request above a limit once and drops its remaining frames",
  pure,
  () => {
    for (
      const [limits, code, text] of [
        [
          { maxMessage: 65536, maxMetadata: 0 },
          10,
          "the request exceeds 65536 bytes",
        ],
        [{ maxFragments: 6 }, 10, "the request has more than 6 frames"],
      ] as const
    ) {
      const lone = Lone.open("server", limits);
      for (let n = 0; n < 12; n++) {
        lone.receive(Kind.REQUEST, 1, body(16_000), n < 11 ? MORE : 0);
      }
      const sent = lone.sent().filter(({ kind }) => kind === Kind.ERROR);
      assertEquals([
        sent.length,
        errorOf(sent[0]!).code,
        errorOf(sent[0]!).processed,
        new TextDecoder().decode(sent[0]!.body).includes(text),
      ], [1, code, 0, true]);
      lone.receive(Kind.REQUEST, 3, request(ASK)); // the next request is accepted
      assertEquals([lone.calls.length, lone.ends.length], [1, 0]);
      const { assembling, timers } = accountsOf(lone.session);
      assertEquals([assembling, timers, lone.session.stats.refusedCalls], [
        0,
        0,
        1,
      ]);
    }
  },
);

Deno.test(
  "RequestReader refuses an incomplete request after a timeout or a CANCEL",
  pure,
  () => {
    const lone = Lone.open("server", { assemblyTimeout: 100 });
    lone.receive(Kind.REQUEST, 1, body(10), MORE);
    lone.advance(120);
    const late = lone.sent();
    assertEquals([late.length, errorOf(late[0]!).code, late[0]!.id], [1, 2, 1]);
    lone.receive(Kind.CANCEL, 1, [0]); // crossed the refusal
    assertEquals([lone.sentKinds(), lone.session.stats.lateFrames], [[], 1]);
    lone.receive(Kind.REQUEST, 3, body(10), MORE);
    lone.receive(Kind.CANCEL, 3, [0]);
    assertEquals(lone.sentKinds(), ["ERROR 3"]);
    lone.receive(Kind.NOTIFY, 0, request(NOTE));
    assertEquals([lone.notes.length, lone.ends.length], [1, 0]);
  },
);

Deno.test(
  "RequestReader counts a notification above a limit and reads the next one",
  pure,
  () => {
    const lone = Lone.open("server", { maxFragments: 2 });
    for (let n = 0; n < 5; n++) {
      lone.receive(
        Kind.NOTIFY,
        0,
        body(9),
        n < 4 ? MORE : 0,
      );
    }
    lone.receive(Kind.NOTIFY, 0, request(NOTE, [1]));
    assertEquals([lone.notes, lone.session.stats.malformedCalls], [
      [body(1)],
      1,
    ]);
    for (
      const wrong of [request(ASK), request(99), Uint8Array.of(0, 1, 0, 9)]
    ) {
      lone.receive(Kind.NOTIFY, 0, wrong);
    }
    assertEquals([lone.notes.length, lone.session.stats.malformedCalls], [
      1,
      4,
    ]);
    assertEquals([lone.sentKinds(), lone.ends.length], [[], 0]);
  },
);

Deno.test(
  "RequestReader charges credit, allows one frame to overshoot, and returns credit in portions",
  pure,
  () => {
    const lone = Lone.open("server", { connectionWindow: 65536 });
    let id = 1;
    for (let n = 0; n < 100; n++, id += 2) {
      lone.receive(Kind.REQUEST, id, request(ASK, body(10_000)));
    }
    assertEquals(lone.ends.length, 0);
    const windows = lone.sent().filter(({ kind }) => kind === Kind.WINDOW);
    assertEquals(windows.length, 50);
    const { requestsGranted, requestsOwed } = accountsOf(lone.session);
    assertEquals(requestsGranted + requestsOwed, 65536);
    const charged = 100 * (10_004 + 64);
    assertEquals(windows.at(-1)?.body, total(65536 + charged - requestsOwed));
  },
);

Deno.test(
  "RequestReader drops late frames of a cancelled request",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK, [1]), MORE);
    lone.receive(Kind.CANCEL, 1, [0]);
    lone.receive(Kind.REQUEST, 1, [1, 2], MORE);
    lone.receive(Kind.REQUEST, 1, [3]);
    lone.receive(Kind.REQUEST, 3, request(ASK));
    assertEquals([lone.calls.length, lone.ends], [1, []]);
    assertEquals(lone.sentKinds(), ["ERROR 1"]);
  },
);

Deno.test(
  "RequestReader refuses a request when another frame of its call comes between its frames",
  pure,
  () => {
    const frames = [
      [Kind.ITEM, message([1])],
      [Kind.ITEM, message([1]), MORE],
      [Kind.END, []],
      [Kind.CREDIT, total(100)],
    ] as const;
    for (const [kind, content, flags = 0] of frames) {
      for (const method of [UP, TALK, ASK]) {
        const lone = Lone.open("server");
        const whole = request(method, body(10));
        lone.receive(Kind.REQUEST, 1, whole.subarray(0, 5), MORE);
        lone.receive(kind, 1, Uint8Array.from(content), flags);
        const [refusal, ...others] = lone.sent();
        assertEquals([refusal?.kind, refusal?.id, others], [Kind.ERROR, 1, []]);
        assertEquals(errorOf(refusal!), { code: 11, processed: 0, retry: 0 });
        const { assembling, timers } = accountsOf(lone.session);
        assertEquals([assembling, timers], [0, 0]);
        const { stats } = lone.session;
        assertEquals([stats.refusedCalls, stats.lateFrames], [1, 0]);
        lone.receive(kind, 1, Uint8Array.from(content), flags);
        assertEquals(stats.lateFrames, 1);
        lone.receive(Kind.REQUEST, 1, whole.subarray(5, 7), MORE);
        lone.receive(Kind.REQUEST, 1, whole.subarray(7));
        lone.receive(Kind.REQUEST, 3, request(ASK));
        assertEquals(lone.calls.map(({ call }) => call.id), [3]);
        assertEquals([lone.sentKinds(), lone.ends], [[], []]);
      }
    }
  },
);

Deno.test(
  "RequestReader keeps a request while frames of other calls come between its frames",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(UP));
    lone.receive(Kind.REQUEST, 3, request(UP).subarray(0, 3), MORE);
    lone.receive(Kind.ITEM, 1, message([1])).receive(Kind.END, 1);
    lone.receive(Kind.REQUEST, 3, request(UP).subarray(3));
    assertEquals(lone.calls.map(({ call }) => call.id), [1, 3]);
    assertEquals([lone.sentKinds(), lone.ends], [[], []]);
  },
);

Deno.test(
  "RequestReader lets the one message go on that has begun",
  pure,
  () => {
    for (const kind of [Kind.REQUEST, Kind.NOTIFY]) {
      const isRequest = kind === Kind.REQUEST;
      const lone = Lone.open("server", isRequest ? {} : { maxCalls: 32 });
      lone.settlesNotes = false;
      const available = () => {
        const accounts = accountsOf(lone.session);
        return isRequest
          ? accounts.requestsGranted
          : accounts.notificationsGranted;
      };
      lone.sink.leaveUnsent(2 ** 20); // no handler is entered
      let id = -1;
      const next = () => isRequest ? id += 2 : 0;
      const method = isRequest ? ASK : NOTE;
      for (let n = 0; n < 40; n++) lone.receive(kind, next(), request(method));
      for (let n = 0; n < 200 && available() > 40_000; n++) {
        lone.receive(kind, next(), request(method, body(30_000)));
      }
      // Messages that wait withhold their credit.
      const part = request(method, body(available() - 64 - 4));
      lone.sent();
      lone.receive(kind, next(), part, MORE);
      assertEquals([available(), lone.ends], [1, []]);
      assertEquals(lone.sentKinds().length, 1);
      lone.receive(kind, isRequest ? id : 0, body(0)); // allowed by 1
      assertEquals(lone.ends, []);
    }
  },
);

Deno.test(
  "RequestReader requires a method number, in one frame or several",
  pure,
  () => {
    for (const [kind, id] of [[Kind.REQUEST, 1], [Kind.NOTIFY, 0]] as const) {
      for (
        const parts of [[[]], [[0]], [[], []], [[0], []], [[0, 0]], [[0], [0]]]
      ) {
        const lone = Lone.open("server");
        for (const [index, part] of parts.entries()) {
          lone.receive(
            kind,
            id,
            part,
            index < parts.length - 1 ? Flag.MORE : 0,
          );
        }
        const short = parts.flat().length < 2;
        assertEquals(
          lone.ends.map((end) => end?.code),
          short ? ["protocol"] : [],
        );
        if (short) {
          assertStringIncludes(
            lone.error.message,
            "too short for a method number",
          );
        } else { // without its fields, it is malformed
          const { refusedCalls, malformedCalls } = lone.session.stats;
          assertEquals(
            [refusedCalls, malformedCalls],
            id > 0 ? [1, 0] : [0, 1],
          );
        }
      }
    }
  },
);

Deno.test(
  "RequestReader names what is wrong with an id or a credit",
  pure,
  () => {
    for (
      const [role, id, parity] of [["server", 2, "odd"], [
        "client",
        1,
        "even",
      ]] as const
    ) {
      const lone = Lone.open(role);
      lone.receive(Kind.REQUEST, id, request(ASK));
      assertStringIncludes(
        lone.error.message,
        `expected a higher ${parity} number`,
      );
    }
    const again = Lone.open("server");
    for (let times = 0; times < 2; times++) {
      again.receive(
        Kind.REQUEST,
        3,
        request(ASK),
      );
    }
    assertEquals(again.error.code, "protocol");
    for (
      const [kind, id, name] of [[Kind.REQUEST, 1, "REQUEST"], [
        Kind.NOTIFY,
        0,
        "NOTIFY",
      ]] as const
    ) {
      const lone = Lone.open("server");
      const { requestCredit, notifyCredit } = lone.session.incoming.reader;
      for (const credit of [requestCredit, notifyCredit]) {
        credit.charge(
          credit.available,
        );
      }
      lone.receive(kind, id, request(id === 0 ? NOTE : ASK));
      assertStringIncludes(
        lone.error.message,
        `a ${name} was sent without credit`,
      );
    }
  },
);

Deno.test(
  "RequestReader forgets a refused request with its last frame",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32 });
    const { reader } = lone.session.incoming;
    const part = request(ASK, body(10));
    for (let n = 0; n <= 32; n++) {
      lone.receive(Kind.REQUEST, 2 * n + 1, part, Flag.MORE);
      assertEquals(reader.incomplete, Math.min(n + 1, 32));
    }
    assertEquals(lone.sentKinds().filter((kind) => kind.startsWith("ERROR")), [
      "ERROR 65",
    ]);
    reader.abandon(1);
    assertEquals([reader.incomplete, reader.holds(1), reader.holds(3)], [
      31,
      false,
      true,
    ]);
    lone.receive(Kind.REQUEST, 1, part, Flag.MORE); // dropped
    lone.receive(Kind.REQUEST, 1, part);
    assertEquals(lone.ends, []);
    lone.receive(Kind.REQUEST, 1, part); // is over, so its id is not valid
    assertEquals(lone.error.code, "protocol");
    assertEquals(heldBy(lone.session), HOLDS_NOTHING);
  },
);

Deno.test(
  "the end of a session drops a notification that has begun",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.NOTIFY, 0, request(NOTE, body(1000)), Flag.MORE);
    assertEquals(accountsOf(lone.session).assembling > 1000, true);
    lone.session.enter(lone.now).close();
    assertEquals(heldBy(lone.session), HOLDS_NOTHING);
  },
);

Deno.test("CANCEL and END are handled by what the call has done", pure, () => {
  for (const [reason, code] of [[0, 3], [1, 2], [2, 3]]) {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK, body(10)), Flag.MORE);
    lone.receive(Kind.CANCEL, 1, [reason!]);
    const [error] = lone.sent();
    const texts = ["the caller cancelled the call", "the deadline passed"];
    assertStringIncludes(
      new TextDecoder().decode(error!.body),
      texts[reason === 1 ? 1 : 0]!,
    );
    assertEquals(
      [errorOf(error!).processed, lone.calls.length],
      [0, 0],
      `${code}`,
    );
    lone.receive(Kind.REQUEST, 3, request(UP));
    lone.receive(Kind.CANCEL, 3, [reason!]);
    assertEquals(lone.calls[0]?.cancels, [
      reason === 1 ? "deadline" : "cancelled",
    ]);
    const { lateFrames } = lone.session.stats;
    lone.sent();
    lone.receive(Kind.END, 3);
    assertEquals(lone.sent(), []);
    assertEquals(lone.session.stats.lateFrames, lateFrames + 1);
    assertEquals(lone.ends, []);
  }
});
