import { accountsOf, inFlightOf } from "../accounts.ts";
import { assertEquals } from "@std/assert";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import type { SessionLimits } from "../../../../lib/messages/session/wire/limits.ts";
import { ASK, body, DOWN } from "../session_calls.ts";
import { Lone, message } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

function asked(limits: Partial<SessionLimits> = {}, method = ASK) {
  const lone = Lone.open("client", limits);
  const observer = lone.call({ method });
  lone.sent();
  return { lone, observer };
}

Deno.test(
  "assembleReply() reassembles a reply and releases everything",
  pure,
  () => {
    const { lone, observer } = asked();
    const whole = message(body(1000, 4));
    lone.receive(Kind.RESULT, 1, whole.subarray(0, 1), Flag.MORE);
    lone.receive(Kind.RESULT, 1, whole.subarray(1, 500), Flag.MORE);
    assertEquals(accountsOf(lone.session).timers, 1);
    lone.receive(Kind.RESULT, 1, whole.subarray(500));
    assertEquals(observer.results, [body(1000, 4)]);
    const { assembling, timers } = accountsOf(lone.session);
    assertEquals([assembling, timers, inFlightOf(lone.session).outgoing], [
      0,
      0,
      0,
    ]);
  },
);

Deno.test(
  "assembleReply() fails a call above a limit; the slot is kept until the last frame",
  pure,
  () => {
    for (
      const [limits, code] of [
        [{ maxMessage: 65536, maxMetadata: 0 }, "too-large"],
        [{ maxFragments: 6 }, "too-large"],
      ] as const
    ) {
      const { lone, observer } = asked(limits);
      for (let n = 0; n < 11; n++) {
        lone.receive(
          Kind.RESULT,
          1,
          body(16_000),
          Flag.MORE,
        );
      }
      assertEquals([observer.error.code, lone.sentKinds()], [code, [
        "CANCEL 1",
      ]]);
      assertEquals(inFlightOf(lone.session).outgoing, 1);
      lone.receive(Kind.RESULT, 1, body(1));
      assertEquals([inFlightOf(lone.session).outgoing, observer.settled], [
        0,
        1,
      ]);
      assertEquals(accountsOf(lone.session).assembling, 0);
    }
  },
);

Deno.test(
  "assembleReply() fails the call whose reply exceeds maxAssembly, not the others",
  pure,
  () => {
    const { lone, observer } = asked({ maxAssembly: 131_072 });
    const other = lone.call({ method: ASK });
    lone.sent();
    lone.receive(Kind.RESULT, 1, message(body(40_000)), Flag.MORE);
    lone.receive(Kind.RESULT, 3, message(body(40_000)), Flag.MORE);
    assertEquals([other.error.code, lone.sentKinds()], ["overloaded", [
      "CANCEL 3",
    ]]);
    lone.receive(Kind.RESULT, 1, message(body(40_000)), Flag.MORE); // alone now
    lone.receive(Kind.RESULT, 1, [1]);
    assertEquals(observer.results.map(({ length }) => length), [80_003]);
    assertEquals(accountsOf(lone.session).assembling, 0);
  },
);

Deno.test(
  "receiveReply() fails a call with a malformed reply and keeps the connection",
  pure,
  () => {
    const broken = [
      (lone: Lone) => lone.receive(Kind.RESULT, 1, [0]),
      (lone: Lone) => lone.receive(Kind.RESULT, 1, [0, 9, 0]),
      (lone: Lone) => lone.receive(Kind.ERROR, 1, [0, 0]),
      (lone: Lone) =>
        lone.receive(Kind.RESULT, 1, [0], Flag.MORE).receive(Kind.ERROR, 1, [
          0,
          0,
          0,
          0,
          0,
          0,
        ]),
      (lone: Lone) => lone.receive(Kind.ITEM, 1, message([1])),
      (lone: Lone) =>
        lone.receive(Kind.RESULT, 1, [0], Flag.MORE).advance(31_000),
    ];
    for (const breakIt of broken) {
      const { lone, observer } = asked({
        heartbeat: 60_000,
        pendingHeartbeat: 60_000,
      });
      breakIt(lone);
      assertEquals([observer.error.code, lone.session.stats.malformedCalls], [
        "malformed",
        1,
      ]);
      assertEquals([lone.session.state, accountsOf(lone.session).timers], [
        "open",
        0,
      ]);
    }
  },
);

Deno.test(
  "deliverResult() rejects a RESULT between frames of an item; an ERROR is allowed",
  pure,
  () => {
    for (
      const [kind, code] of [[Kind.RESULT, "malformed"], [
        Kind.ERROR,
        "declared",
      ]] as const
    ) {
      const { lone, observer } = asked({}, DOWN);
      lone.receive(Kind.ITEM, 1, message([1]), Flag.MORE);
      lone.receive(kind, 1, [0, 0, 0, 0, 0, 0]);
      assertEquals([observer.error.code, accountsOf(lone.session).assembling], [
        code,
        0,
      ]);
    }
  },
);

Deno.test(
  "receiveReply() frees the slot without a CANCEL when the last frame breaks the call",
  pure,
  () => {
    const error = [0, 0, 0, 0, 0, 0];
    const large = { maxMessage: 65536, maxMetadata: 0 };
    const cases = [
      [{}, [[Kind.RESULT, [0]], [Kind.ERROR, error]], "malformed"],
      [{}, [[Kind.ERROR, error], [Kind.RESULT, [0, 0]]], "malformed"],
      [{}, [[Kind.RESULT, [0]]], "malformed"],
      [{}, [[Kind.ERROR, [0]]], "malformed"],
      [
        large,
        new Array(5).fill([Kind.RESULT, new Array(16_000).fill(0)]),
        "too-large",
      ],
    ] as const;
    for (const [limits, frames, code] of cases) {
      const { lone, observer } = asked(limits);
      frames.forEach(([kind, content], index) =>
        lone.receive(
          kind,
          1,
          [...content],
          index < frames.length - 1 ? Flag.MORE : 0,
        )
      );
      const { error } = observer;
      assertEquals([error.code, error.processed], [code, "maybe"]);
      assertEquals([lone.sentKinds(), observer.settled], [[], 1]);
      const { assembling, timers } = accountsOf(lone.session);
      assertEquals([assembling, timers, inFlightOf(lone.session).outgoing], [
        0,
        0,
        0,
      ]);
      lone.receive(Kind.RESULT, 1, message());
      assertEquals([lone.session.stats.lateFrames, lone.ends], [1, []]);
    }
  },
);

Deno.test(
  "receiveReply() sends CANCEL when a frame with MORE breaks the call",
  pure,
  () => {
    const { lone, observer } = asked();
    lone.receive(Kind.RESULT, 1, [0], Flag.MORE);
    lone.receive(Kind.ERROR, 1, [0], Flag.MORE);
    assertEquals([observer.error.code, lone.sentKinds()], ["malformed", [
      "CANCEL 1",
    ]]);
    assertEquals(inFlightOf(lone.session).outgoing, 1);
    lone.receive(Kind.ERROR, 1, [0]);
    assertEquals([inFlightOf(lone.session).outgoing, observer.settled], [0, 1]);
  },
);
