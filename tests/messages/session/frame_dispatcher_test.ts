import { inFlightOf } from "./accounts.ts";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { assertEquals } from "@std/assert";
import { Flag, Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body, call, DOWN } from "./session_calls.ts";
import { goawayOf, Lone, message, request, total } from "./lone_session.ts";
import { Simulation } from "./simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "FrameDispatcher closes the connection at an unknown kind without IGNORABLE",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(0x7f, 3, [1], Flag.IGNORABLE);
    assertEquals([lone.session.stats.ignoredFrames, lone.sentKinds()], [1, []]);
    lone.receive(0x7f, 3);
    assertEquals([lone.error.code, goawayOf(lone.sent()[0]!).code], [
      "protocol",
      1,
    ]);
  },
);

Deno.test(
  "FrameDispatcher closes the connection at an invalid frame",
  pure,
  () => {
    const frames: [number, number, Uint8Array, string][] = [
      [Kind.HELLO, 0, body(1), "protocol"],
      [Kind.PING, 0, body(7), "protocol"],
      [Kind.PONG, 0, body(9), "protocol"],
      [Kind.GOAWAY, 0, body(6), "protocol"],
      [Kind.WINDOW, 0, body(4), "flow-control"],
      [Kind.WINDOW, 0, body(3), "flow-control"],
      [Kind.WINDOW, 0, total(2 ** 31), "flow-control"],
      [Kind.CREDIT, 1, body(4), "flow-control"],
      [Kind.NOTIFY, 2, request(1), "protocol"],
      [Kind.REQUEST, 1, body(20_000), "too-large"],
      [Kind.REQUEST, 1, body(1), "protocol"],
    ];
    for (const [kind, id, bytes, code] of frames) {
      const lone = Lone.open("server", { maxFrameBody: 16 * 1024 });
      lone.receive(kind, id, bytes);
      assertEquals([kind, lone.error.code], [kind, code]);
    }
    const short = Lone.open("client");
    short.receiveFrame(new Uint8Array(7));
    assertEquals(short.error.code, "protocol");
  },
);

Deno.test(
  "FrameDispatcher closes the connection at a frame from the wrong end of a call, or for an unused id",
  pure,
  () => {
    for (
      const [kind, id] of [
        [Kind.RESULT, 1],
        [Kind.ERROR, 1],
        [Kind.END, 2],
        [Kind.CANCEL, 2],
        [Kind.RESULT, 2],
        [Kind.ITEM, 1],
        [Kind.ITEM, 2],
        [Kind.CANCEL, 1],
        [Kind.END, 1],
        [Kind.CREDIT, 1],
      ] as const
    ) {
      const lone = Lone.open("server");
      lone.receive(kind, id, kind === Kind.CREDIT ? total(1) : message());
      assertEquals([kind, id, lone.ends[0]?.code], [kind, id, "protocol"]);
    }
  },
);

Deno.test(
  "FrameDispatcher says which end may send a frame",
  pure,
  () => {
    for (
      const [kind, id, message] of [
        [
          Kind.RESULT,
          1,
          "only the callee of call 1 may send a frame of kind 19",
        ],
        [Kind.END, 2, "only the caller of call 2 may send a frame of kind 18"],
      ] as const
    ) {
      const lone = Lone.open("server");
      lone.receive(kind, id, [0, 0]);
      assertEquals(lone.error.message.split(": ").at(-1), message);
    }
  },
);

Deno.test(
  "FrameDispatcher counts and drops frames for calls that are over",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK));
    lone.session.enter(0).incoming.responses.respond(
      lone.calls[0]!.call,
      body(0),
      NO_FIELDS,
    );
    const late = () => lone.session.stats.lateFrames;
    for (const kind of [Kind.ITEM, Kind.END, Kind.CANCEL]) {
      lone.receive(
        kind,
        1,
        message(),
      );
    }
    lone.receive(Kind.CREDIT, 1, total(5));
    assertEquals([late(), lone.session.state], [4, "open"]);
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    server.handle = (incoming) =>
      simulation.at(
        20,
        () =>
          server.session.enter(simulation.now).incoming.responses.respond(
            incoming,
            body(1),
            NO_FIELDS,
          ),
      );
    const asked = call(simulation, client, { method: DOWN, value: body(1) });
    simulation.advance(10);
    client.session.enter(simulation.now).outgoing.giveUp(asked.call, {
      code: "cancelled",
      message: "no",
    });
    simulation.settle();
    assertEquals([asked.settled, client.session.stats.lateFrames], [1, 1]);
    assertEquals(inFlightOf(client.session).outgoing, 0);
  },
);
