import { accountsOf } from "../accounts.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { body, NOTE } from "../session_calls.ts";

import { Lone, undecodable } from "../lone_session.ts";
import { Simulation, TABLES } from "../simulation.ts";

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
      server.session.enter(simulation.now).credentialRefresh.accept(id);
      server.session.enter(simulation.now).credentialRefresh.accept(id); // the second call does nothing
    };
    const id = client.session.enter(simulation.now).refresh(body(4));
    simulation.settle();
    assertEquals([seen, client.refreshedIds], [[body(4)], [id]]);
    server.refreshing = () =>
      server.session.enter(simulation.now).expel("unauthenticated", "no");
    client.session.enter(simulation.now).refresh(body(4));
    simulation.settle();
    assertEquals(client.ends[0]?.code, "unauthenticated");
    const error = assertThrows(
      () => client.session.enter(simulation.now).refresh(body(4)),
      CallError,
    );
    assertEquals(error.code, "unavailable");
  },
);

Deno.test("refresh() limits the number unanswered and the size", pure, () => {
  const lone = Lone.open("client", {}, { maxFrameBody: 16384 });
  for (let n = 0; n < 8; n++) lone.session.enter(0).refresh(body(1));
  assertEquals(
    assertThrows(() => lone.session.enter(0).refresh(body(1)), CallError).code,
    "overloaded",
  );
  lone.receive(Kind.AUTH, 3, [], Flag.REPLY);
  assertEquals(
    assertThrows(() => lone.session.enter(0).refresh(body(16385)), CallError)
      .code,
    "too-large",
  );
  assertEquals(lone.session.enter(0).refresh(body(1)), 9);
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
    const odd = Lone.open("server", {}, {}, [undecodable()]);
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
    lone.session.enter(lone.now).credentialRefresh.accept(1);
    lone.advance(900);
    assertEquals([lone.ends, accountsOf(lone.session).timers], [[], 0]);
    lone.receive(Kind.AUTH, 2, body(1));
    lone.receive(Kind.AUTH, 3, body(1));
    lone.session.enter(lone.now).credentialRefresh.accept(2);
    lone.advance(900);
    assertEquals(lone.ends, []);
    lone.advance(200);
    assertEquals(lone.ends.map((end) => end?.code), ["timeout"]);
    assertEquals(accountsOf(lone.session).timers, 0);
  },
);

Deno.test(
  "the end of a session drops the refreshes that it was checking",
  pure,
  () => {
    for (const notes of [false, true]) {
      const lone = Lone.open("server", {}, { notifyWindow: 16_384 });
      for (let id = 1; id <= 4; id++) lone.receive(Kind.AUTH, id, body(1));
      assertEquals(accountsOf(lone.session).timers > 1, true);
      if (notes) { // which must be sent before it closes
        const { outgoing } = lone.session.enter(0);
        for (let n = 0; n < 2; n++) {
          outgoing.notifyEncoded(NOTE, TABLES.calls[NOTE]!, body(20_000));
        }
      }
      lone.session.enter(0).close();
      assertEquals(lone.session.state, notes ? "closing" : "closed");
      assertEquals(accountsOf(lone.session).timers, 0);
    }
  },
);
