import { assertEquals, assertThrows } from "@std/assert";
import { SessionError } from "../../../../lib/messages/errors/call_error.ts";
import { ResumableSink } from "../../../../lib/messages/session/resume/resumable_sink.ts";
import { SessionResumption } from "../../../../lib/messages/session/resume/session_resumption.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import { resolveSessionLimits } from "../../../../lib/messages/session/wire/limits.ts";
import { frame, Recorder, total } from "../lone_session.ts";
import { body, notify } from "../session_calls.ts";
import { ResumableSimulation } from "./resumable_simulation.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

class Link extends Recorder {
  write(): void {}
}

const CAUSE = new SessionError("cut", { code: "disconnected" });

/** A session that has sent 3 frames and received 2. */
function started() {
  const sink = new ResumableSink(new Link());
  const resumption = new SessionResumption({ sink, grace: 30_000 });
  resumption.inUse = true;
  for (let n = 0; n < 3; n++) {
    const { buffer, start } = sink.begin(8);
    buffer[start] = Kind.NOTIFY;
    sink.commit(start + 8);
  }
  for (let n = 0; n < 2; n++) resumption.count(frame(Kind.ITEM, 1), 0);
  return { sink, resumption };
}

Deno.test("SessionResumption counts every kind but five", pure, () => {
  const { resumption } = started();
  for (const kind of [Kind.HELLO, Kind.GOAWAY, Kind.PONG, Kind.ACK]) {
    resumption.count(frame(kind, 0), 0);
  }
  assertEquals(resumption.received, 2);
  for (const kind of [Kind.AUTH, Kind.WINDOW, Kind.CREDIT, 0x77]) {
    resumption.count(frame(kind, 0), 0);
  }
  assertEquals(resumption.received, 6);
});

Deno.test(
  "SessionResumption rejects positions that cannot be right",
  pure,
  () => {
    const { resumption } = started();
    const ping = (position: number) =>
      frame(Kind.PING, 0, [...total(1), ...total(position)]);
    resumption.count(ping(2), 0);
    assertThrows(() => resumption.count(ping(1), 0), MalformedError);
    assertThrows(() => resumption.count(ping(3), 0), MalformedError);
    resumption.receiveAck(frame(Kind.ACK, 0, total(2)));
    resumption.receiveAck(frame(Kind.ACK, 0, total(1))); // late
    assertEquals(resumption.sink.frames.acknowledged, 2);
    assertThrows(
      () => resumption.receiveAck(frame(Kind.ACK, 0, total(4))),
      MalformedError,
    );
    assertThrows(
      () => resumption.receiveAck(frame(Kind.ACK, 0, [1, 2])),
      MalformedError,
    );
  },
);

Deno.test("SessionResumption says why a session cannot go on", pure, () => {
  const { resumption } = started();
  resumption.acknowledge(1);
  const obstacle = (received: number, firstKept: number) =>
    resumption.obstacle({ generation: 1, received, firstKept });
  assertEquals(obstacle(1, 1), undefined);
  assertEquals(obstacle(3, 3), undefined);
  assertEquals(obstacle(4, 1), "the peer has read 4 frames of 3");
  assertEquals(
    obstacle(0, 1),
    "the peer has read 0 frames, and acknowledged 1 before",
  );
  assertEquals(obstacle(3, 4), "frames are no longer kept");
});

Deno.test(
  "SessionResumption gives up after 16 links without progress",
  pure,
  () => {
    const { resumption } = started();
    const resume = (received: number) => {
      resumption.cut(0, CAUSE);
      resumption.sink.attach(new Link());
      resumption.resume(now, { generation: 1, received, firstKept: 1 });
    };
    let now = 0;
    resume(2);
    for (let n = 0; n < 15; n++) resume(2);
    assertEquals(resumption.possible, true);
    resumption.count(frame(Kind.ITEM, 1), 0);
    for (let n = 0; n < 16; n++) resume(2);
    assertEquals(resumption.possible, true);
    resume(2);
    assertEquals(resumption.possible, false);
    now += 10_000; // the link lasted
    resume(2);
    assertEquals(resumption.possible, true);
  },
);

Deno.test("SessionResumption counts links that did not last", pure, () => {
  const { resumption } = started();
  const short: number[] = [];
  let now = 0;
  for (const lived of [0, 1, 9_999, 10_000, 20_000, 5]) {
    resumption.cut(now += lived, CAUSE);
    short.push(resumption.shortLinks);
    resumption.sink.attach(new Link());
    resumption.resume(now, { generation: 1, received: 3, firstKept: 1 });
  }
  assertEquals(short, [0, 1, 2, 0, 0, 1]);
});

Deno.test("SessionResumption waits for the grace and no longer", pure, () => {
  const { resumption } = started();
  assertEquals(resumption.wakeAt, 1_000); // for an ACK
  resumption.cut(400, CAUSE);
  assertEquals([resumption.wakeAt, resumption.cause], [30_400, CAUSE]);
  resumption.sink.attach(new Link());
  resumption.resume(500, { generation: 1, received: 3, firstKept: 4 });
  assertEquals([resumption.wakeAt, resumption.cause], [Infinity, undefined]);
});

Deno.test(
  "SessionResumption is possible with a grace, and frames that are complete",
  pure,
  () => {
    for (const [grace, possible] of [[0, false], [1, true]] as const) {
      const { resumption } = started();
      resumption.grace = grace;
      assertEquals(resumption.possible, possible);
      resumption.inUse = false;
      assertEquals(resumption.possible, false);
    }
    const { sink, resumption } = started();
    sink.frames.dropOldest(0);
    assertEquals(resumption.possible, false);
    sink.frames.acknowledge(3);
    assertEquals(resumption.possible, true);
    resumption.end();
    assertEquals([resumption.possible, sink.frames.held], [false, 0]);
  },
);

Deno.test(
  "SessionResumption begins with the shorter grace and the limits of both",
  pure,
  () => {
    const limits = resolveSessionLimits();
    for (
      const [own, grace, least] of [[30_000, 5, 5], [5, 30_000, 5]] as const
    ) {
      const sink = new ResumableSink(new Link());
      const resumption = new SessionResumption({ sink, grace: own });
      const before = sink.limit;
      resumption.begin(grace, { ...limits, itemsWindow: 0 }, limits);
      const { limit } = sink;
      assertEquals([resumption.grace, resumption.inUse], [least, true]);
      assertEquals(limit === before, false);
      resumption.begin(grace, limits, limits);
      assertEquals(sink.limit - limit, limits.itemsWindow);
    }
  },
);

Deno.test(
  "SessionResumption acknowledges at its time, and hears each link anew",
  pure,
  () => {
    const { resumption } = started(); // 2 frames at 0
    assertEquals(resumption.heard, true);
    assertEquals(resumption.takeAck(999.9), undefined);
    assertEquals(resumption.takeAck(1000), total(2));
    assertEquals([resumption.takeAck(5000), resumption.wakeAt], [
      undefined,
      Infinity,
    ]);
    resumption.cut(0, CAUSE);
    resumption.sink.attach(new Link());
    resumption.resume(1, { generation: 1, received: 2, firstKept: 1 });
    assertEquals([resumption.heard, resumption.sink.frames.acknowledged], [
      false,
      2,
    ]);
    resumption.count(frame(Kind.PONG, 0), 2);
    assertEquals(resumption.heard, true);
  },
);

Deno.test(
  "a session acknowledges 64 KiB with the frame that completes them",
  pure,
  () => {
    const simulation = new ResumableSimulation({});
    simulation.open();
    const [client, server] = simulation.ends;
    let acks = 0;
    simulation.written = (name, [kind]) => {
      if (name === "server" && kind === Kind.ACK) acks++;
    };
    const after: number[] = [];
    server.link.receiver = {
      receive(frame) {
        server.receive(frame);
        after.push(acks);
      },
      readSome: () => server.readSome(),
      written: () => server.written(),
      inputEnded: (cause) => server.inputEnded(cause),
    };
    for (const size of [30_000, 40_000]) {
      notify(simulation, client, body(size));
      simulation.settle();
    }
    assertEquals(after.slice(0, 2), [0, 1]);
  },
);

Deno.test("SessionResumption uses no link that was lost", pure, () => {
  let used = 0;
  class Counted extends Link {
    override begin(room: number) {
      used++;
      return super.begin(room);
    }
    override write(): void {
      used++;
    }
  }
  const sink = new ResumableSink(new Counted());
  const resumption = new SessionResumption({ sink, grace: 30_000 });
  resumption.inUse = true;
  const send = () => {
    const { buffer, start } = sink.begin(8);
    buffer[start] = Kind.NOTIFY;
    sink.commit(start + 8);
  };
  send();
  const before = used;
  resumption.cut(0, CAUSE);
  send();
  assertEquals([before > 0, used, sink.frames.sent], [true, before, 2]);
});
