import { assertEquals } from "@std/assert";
import { accountsOf } from "../accounts.ts";
import {
  HEADER,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { Ping } from "../../../../lib/messages/session/control/ping.ts";
import { body } from "../session_calls.ts";
import { frame, Lone, total } from "../lone_session.ts";
import { Simulation, SMOOTH } from "../simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "receivePing() answers with the same bytes, with or without a position",
  pure,
  () => {
    for (const length of [8, 16]) {
      const lone = Lone.open("server");
      lone.receive(Kind.PING, 0, body(length, 7));
      const [pong] = lone.sent();
      assertEquals([pong?.kind, pong?.body], [Kind.PONG, body(length, 7)]);
    }
  },
);

Deno.test(
  "receivePing() answers only the newest of many PINGs, when the rate allows",
  pure,
  () => {
    const lone = Lone.open("server", { pingsPerSecond: 5 });
    for (let n = 1; n <= 100; n++) lone.receive(Kind.PING, 0, body(8, n));
    assertEquals(lone.sent().map(({ body: [n] }) => n), [1, 2, 3, 4, 5]);
    lone.advance(150);
    lone.receive(Kind.PING, 0, body(8, 102)); // must not delay the PONG further
    lone.advance(49);
    assertEquals(lone.sent(), []);
    lone.advance(9); // the timer wheel's resolution
    assertEquals(lone.sent().map(({ body: [n] }) => n), [102]);
    lone.receive(Kind.PING, 0, body(8, 103));
    lone.session.enter(lone.now).close();
    assertEquals(accountsOf(lone.session).timers, 0);
    assertEquals(lone.sentKinds(), ["GOAWAY 0"]);
  },
);

Deno.test("receivePong() compares all bytes of a PONG", pure, () => {
  const lone = Lone.open("client", { heartbeat: 1000 });
  lone.advance(1000);
  const [ping] = lone.sent();
  const changed = Uint8Array.from([...ping!.body.subarray(0, 7), 1]);
  const longer = Uint8Array.from([...ping!.body, ...new Uint8Array(8)]);
  for (const pong of [changed, longer]) lone.receive(Kind.PONG, 0, pong);
  assertEquals([lone.session.roundTrip, lone.session.stats.lateFrames], [
    undefined,
    2,
  ]);
  lone.receive(Kind.PONG, 0, ping!.body);
  assertEquals(lone.session.stats.lateFrames, 2);
  lone.receive(Kind.PONG, 0, ping!.body);
  assertEquals(lone.session.stats.lateFrames, 3, "a second PONG is late");
});

Deno.test(
  "tick() sends PINGs in silence, and closes the connection without an answer",
  pure,
  () => {
    const lone = Lone.open("client", { heartbeat: 1000, heartbeatMisses: 2 });
    lone.advance(1500);
    assertEquals(lone.sentKinds(), ["PING 0"]);
    lone.session.enter(lone.now).readSome(); // any byte will do
    lone.advance(999);
    assertEquals(lone.sentKinds(), []);
    lone.advance(2000);
    assertEquals([lone.sentKinds(), lone.ends], [["PING 0", "PING 0"], []]);
    lone.advance(1000);
    assertEquals([lone.error.code, lone.sentKinds()], ["timeout", [
      "GOAWAY 0",
    ]]);
  },
);

Deno.test(
  "roundTrip is that of the last PING; an unsolicited PONG changes nothing",
  pure,
  () => {
    const lone = Lone.open("client", { heartbeat: 1000 });
    lone.receive(Kind.PONG, 0, new Uint8Array(8));
    assertEquals(lone.session.roundTrip, undefined);
    lone.advance(1000);
    const [ping] = lone.sent();
    lone.now += 30;
    lone.receive(Kind.PONG, 0, ping!.body);
    lone.now += 500;
    lone.receive(Kind.PONG, 0, ping!.body);
    assertEquals(lone.session.roundTrip, 30);
  },
);

Deno.test("tick() keeps two idle sessions open for days", pure, () => {
  const simulation = new Simulation({
    conditions: { ...SMOOTH, latency: [20, 20] },
  }).open();
  simulation.advance(3 * 24 * 3600 * 1000);
  assertEquals(simulation.sides.map(({ session }) => session.state), [
    "open",
    "open",
  ]);
  assertEquals(simulation.client.session.roundTrip, 40);
});

Deno.test(
  "tick() closes a stalled connection whatever the heartbeat",
  pure,
  () => {
    const lone = Lone.open("server", {
      writeStall: 2000,
      minWriteRate: 0, // any progress restarts the time
      heartbeat: 1_000_000,
    });
    lone.advance(10_000);
    lone.sink.open = false;
    lone.receive(Kind.PING, 0, body(8));
    lone.advance(1999);
    assertEquals(lone.ends, []);
    lone.sink.take(5);
    lone.session.enter(lone.now).written();
    lone.advance(1999);
    assertEquals(lone.ends, []);
    lone.advance(1);
    assertEquals(lone.error.code, "unsent");
  },
);

Deno.test(
  "receive() closes the connection at unsentHard",
  pure,
  () => {
    const lone = Lone.open("server", {
      unsentSoft: 65536,
      unsentHard: 425984,
      maxFrameBody: 16384,
      pingsPerSecond: 1e6,
    });
    lone.sink.open = false;
    for (let n = 0; n < 30_000 && lone.ends.length === 0; n++) {
      lone.receive(Kind.PING, 0, body(8));
    }
    assertEquals(lone.error.code, "unsent");
    assertEquals(lone.sink.unsent < 425984 + 200, true);
  },
);

Deno.test("the PONG of the last PING shows what has arrived", pure, () => {
  const lone = Lone.open("client", { heartbeat: 1000 });
  const { shared } = lone.session;
  lone.sink.leaveUnsent(500);
  const taken = lone.sink.bytesFramed - 500;
  for (let n = 0; n < 2; n++) shared.ping();
  const [first, second] = lone.sent();
  lone.receive(Kind.PONG, 0, first!.body);
  assertEquals([lone.session.roundTrip, shared.writer.arrived], [undefined, 0]);
  lone.now += 30;
  lone.receive(Kind.PONG, 0, second!.body);
  assertEquals([lone.session.roundTrip, shared.writer.arrived], [30, taken]);
  shared.writer.arrived = taken + 1;
  shared.ping();
  lone.receive(Kind.PONG, 0, lone.sent()[0]!.body);
  assertEquals(shared.writer.arrived, taken + 1, "it never falls");
  assertEquals(lone.session.stats.lateFrames, 0);
});

Deno.test("each of several PINGs with positions is answered", pure, () => {
  const { shared } = Lone.open("client").session;
  const ping = new Ping(shared);
  let position = 40;
  ping.position = () => position++;
  const frames = [1, 2, 3].map(() => {
    ping.send();
    return frame(Kind.PONG, 0, [...total(0), ...total(position - 1)]);
  });
  for (const [index, pong] of frames.entries()) pong[HEADER + 5] = index + 1; // its number
  const answers = frames.map((
    pong,
  ) => [ping.receivePong(pong), ping.answeredPosition]);
  assertEquals(answers, [[1, 40], [2, 41], [3, 42]]);
  assertEquals(shared.stats.lateFrames, 0);
  ping.send();
  ping.restart();
  ping.receivePong(frame(Kind.PONG, 0, [0, 0, 0, 0, 0, 4, 0, 0, ...total(43)]));
  assertEquals([shared.stats.lateFrames, ping.answeredPosition], [1, 42]);
});
