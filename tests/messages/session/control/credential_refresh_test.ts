import { assertEquals, assertThrows } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { body } from "../session_calls.ts";
import { Lone } from "../lone_session.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "refresh() sends new credentials and receives the reply",
  pure,
  () => {
    const simulation = new Simulation().open();
    const { client, server } = simulation;
    const seen: unknown[] = [];
    server.refreshing = (id, credentials) => {
      seen.push(credentials);
      server.session.refreshed(id, simulation.now);
      server.session.refreshed(id, simulation.now); // the second call does nothing
    };
    const id = client.session.refresh(body(4), simulation.now);
    simulation.settle();
    assertEquals([seen, client.refreshedIds], [[body(4)], [id]]);
    server.refreshing = () =>
      server.session.rejectRefresh("no", simulation.now);
    client.session.refresh(body(4), simulation.now);
    simulation.settle();
    assertEquals(client.ends[0]?.code, "unauthenticated");
    const error = assertThrows(
      () => client.session.refresh(body(4), simulation.now),
      CallError,
    );
    assertEquals(error.code, "unavailable");
  },
);

Deno.test("refresh() limits the number unanswered and the size", pure, () => {
  const lone = Lone.open("client", {}, { maxFrameBody: 16384 });
  for (let n = 0; n < 8; n++) lone.session.refresh(body(1), 0);
  assertEquals(
    assertThrows(() => lone.session.refresh(body(1), 0), CallError).code,
    "overloaded",
  );
  lone.receive(Kind.AUTH, 3, [], Flag.REPLY);
  assertEquals(
    assertThrows(() => lone.session.refresh(body(16385), 0), CallError).code,
    "too-large",
  );
  assertEquals(lone.session.refresh(body(1), 0), 9);
  lone.receive(Kind.AUTH, 3, [], Flag.REPLY); // a second time
  assertEquals([lone.credentialRefresh.length, lone.session.stats.lateFrames], [
    1,
    1,
  ]);
});

Deno.test(
  "receive() limits AUTH, and requires rising ids and the client as sender",
  pure,
  () => {
    const flood = Lone.open("server");
    for (let id = 1; id <= 9; id++) flood.receive(Kind.AUTH, id, body(1));
    assertEquals([flood.credentialRefresh.length, flood.error.code], [
      8,
      "too-many",
    ]);
    for (
      const [role, id, flags] of [["server", 0, 0], [
        "server",
        1,
        Flag.REPLY,
      ], ["client", 1, 0]] as const
    ) {
      const lone = Lone.open(role);
      lone.receive(Kind.AUTH, id, body(1), flags);
      assertEquals([role, lone.error.code], [role, "protocol"]);
    }
    const odd = Lone.open("server");
    odd.session.codec.decode = () => {
      throw new Error("malformed");
    };
    odd.receive(Kind.AUTH, 1, body(1));
    assertEquals([odd.error.code, odd.credentialRefresh], [
      "unauthenticated",
      [],
    ]);
  },
);

Deno.test(
  "receive() ends the session if new credentials are not accepted in time",
  pure,
  () => {
    const lone = Lone.open("server", { handshakeTimeout: 1000 });
    lone.receive(Kind.AUTH, 1, body(1));
    lone.advance(900);
    lone.session.refreshed(1, lone.now);
    lone.advance(900);
    assertEquals([lone.ends, lone.session.accounts.timers], [[], 0]);
    lone.receive(Kind.AUTH, 2, body(1));
    lone.receive(Kind.AUTH, 3, body(1));
    lone.session.refreshed(2, lone.now);
    lone.advance(900);
    assertEquals(lone.ends, []);
    lone.advance(200);
    assertEquals(lone.ends.map((end) => end?.code), ["timeout"]);
    assertEquals(lone.session.accounts.timers, 0);
  },
);
