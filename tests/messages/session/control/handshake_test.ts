import { bytes } from "../../../../lib/messages/codec/bytes.ts";
import { json } from "../../../../lib/messages/codec/json.ts";
import { inFlightOf } from "../accounts.ts";
import { sendItem } from "../../../../lib/messages/session/flow/outgoing_items.ts";
import { assertEquals, assertThrows } from "@std/assert";
import { AGENT } from "../../../../lib/messages/session/wire/agent.ts";
import { decodeHello } from "../../../../lib/messages/session/wire/hello.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body, call, hold, UP } from "../session_calls.ts";
import {
  goawayOf,
  hello,
  Lone,
  request,
  undecodable,
} from "../lone_session.ts";
import { Simulation } from "../simulation.ts";

const pure = { permissions: "none" } as const;

/** Delivers a frame that must be refused; returns the code of the error. */
function refused(lone: Lone, kind: number, bytes: Uint8Array): string {
  lone.receive(kind, 0, bytes);
  const sent = lone.sent();
  assertEquals(sent.at(-1)?.kind, Kind.GOAWAY);
  assertEquals(goawayOf(sent.at(-1)!).lastId, 0);
  assertEquals(lone.opened, 0);
  return lone.error.code;
}

Deno.test(
  "start() of a client sends HELLO, and a server answers with HELLO",
  pure,
  () => {
    const server = new Lone("server");
    server.receive(Kind.HELLO, 0, hello("client"));
    assertEquals([server.sentKinds(), server.opened], [["HELLO 0"], 1]);
    const client = new Lone("client");
    client.session.enter(0).start(undefined);
    client.session.enter(0).start(undefined); // a second time changes nothing
    assertEquals(client.sentKinds(), ["HELLO 0"]);
    client.receive(Kind.HELLO, 0, hello("server"));
    assertEquals([client.session.state, client.opened], ["open", 1]);
  },
);

Deno.test(
  "receiveHello() refuses a wrong first frame, version, codec, role, size or limit",
  pure,
  () => {
    const one = () => new Lone("server", { maxHello: 2048 });
    assertEquals(refused(one(), Kind.PING, new Uint8Array(8)), "protocol");
    assertEquals(refused(one(), Kind.GOAWAY, new Uint8Array(7)), "protocol");
    assertEquals(refused(one(), 0x7f, new Uint8Array(8)), "protocol");
    const version = hello("client");
    version[4] = 2;
    assertEquals(refused(one(), Kind.HELLO, version), "version");
    const codec = hello("client", { codecs: ["x".repeat(1000)] });
    assertEquals(refused(one(), Kind.HELLO, codec), "codec");
    assertEquals(refused(one(), Kind.HELLO, hello("server")), "protocol");
    const long = hello("client", { protocol: "x".repeat(3000) });
    assertEquals(refused(one(), Kind.HELLO, long), "too-large");
    const weak = hello("client", { maxFrameBody: 1000 });
    assertEquals(refused(one(), Kind.HELLO, weak), "protocol");
    const http = new TextEncoder().encode(" / HTTP/1.1\r\n");
    assertEquals(refused(one(), "G".charCodeAt(0), http), "protocol");
    for (const kind of Object.values(Kind)) { // with the body of a HELLO
      if (kind === Kind.HELLO) continue;
      assertEquals(refused(one(), kind, hello("client")), "protocol");
      if (kind === Kind.GOAWAY) continue; // a refusal
      const client = new Lone("client");
      client.session.enter(0).start(undefined);
      assertEquals(refused(client, kind, hello("server")), "protocol");
    }
  },
);

Deno.test(
  "receiveHello() of a client refuses frames before start(), and another codec",
  pure,
  () => {
    assertEquals(
      refused(new Lone("client"), Kind.HELLO, hello("server")),
      "protocol",
    );
    const client = new Lone("client");
    client.session.enter(0).start(undefined);
    assertEquals(
      refused(client, Kind.HELLO, hello("server", { codecs: ["json"] })),
      "codec",
    );
  },
);

Deno.test(
  "tick() ends a handshake that takes too long, even during authentication",
  pure,
  () => {
    for (const role of ["client", "server"] as const) {
      const lone = new Lone(role, { handshakeTimeout: 700 });
      lone.accepts = false;
      if (role === "client") lone.session.enter(0).start(undefined);
      else lone.receive(Kind.HELLO, 0, hello("client"));
      lone.advance(699);
      assertEquals(lone.ends, []);
      lone.advance(1);
      assertEquals(lone.error.code, "timeout");
      lone.session.enter(lone.now).accept();
      assertEquals(lone.opened, 0);
    }
  },
);

Deno.test(
  "inputEnded() during the handshake ends the session with an error",
  pure,
  () => {
    for (const role of ["client", "server"] as const) {
      const lone = new Lone(role);
      if (role === "client") lone.session.enter(0).start(undefined);
      lone.session.enter(0).inputEnded(undefined);
      assertEquals([lone.error.code, lone.session.wakeAt], [
        "disconnected",
        Infinity,
      ]);
    }
  },
);

Deno.test(
  "a refused client fails its early calls as not processed",
  pure,
  () => {
    for (const code of [0, 4]) {
      const simulation = new Simulation();
      const { client, server } = simulation;
      server.authenticate = () =>
        code === 0
          ? server.session.enter(simulation.now).close()
          : server.session.enter(simulation.now).refuse("no");
      client.session.enter(simulation.now).start(undefined);
      const early = call(simulation, client, { value: body(9) });
      simulation.settle();
      assertEquals(client.ends.map((end) => [end?.code, end?.remote]), [
        code === 0 ? [undefined, undefined] : ["unauthenticated", true],
      ]);
      assertEquals(early.error.processed, "no");
    }
  },
);

Deno.test(
  "keepEarly() leaves frames unread until authentication has settled, while deadlines run",
  pure,
  () => {
    const lone = new Lone("server");
    lone.accepts = false;
    lone.receive(Kind.HELLO, 0, hello("client", { auth: body(3, 7) }));
    assertEquals(lone.credentials, body(3, 7));
    lone.receive(Kind.REQUEST, 1, request(ASK, [1], [1, 0, 4, 0, 0, 1, 0]));
    lone.receive(0x7f, 0); // unknown kind
    lone.now = 100;
    assertEquals([lone.calls.length, lone.sentKinds()], [0, []]);
    lone.session.enter(lone.now).accept();
    assertEquals(lone.calls[0]?.call.deadlineAt, 256);
    assertEquals(lone.error.code, "protocol"); // the second one
  },
);

Deno.test(
  "keepEarly() limits the kept bytes; the initial credit fits",
  pure,
  () => {
    const simulation = new Simulation();
    const { client, server } = simulation;
    const held = hold(server);
    server.authenticate = () =>
      simulation.at(50, () => server.session.enter(simulation.now).accept());
    client.session.enter(simulation.now).start(undefined);
    const early = Array.from(
      { length: 40 },
      (_, n) =>
        call(simulation, client, {
          method: n % 2 ? ASK : UP,
          value: body(4000),
        }),
    );
    assertEquals(inFlightOf(client.session).queued > 0, true); // waiting for credit or slots
    simulation.settle();
    assertEquals([held.length, server.ends, early.length], [40, [], 40]);

    const greedy = new Lone("server");
    greedy.accepts = false;
    greedy.receive(Kind.HELLO, 0, hello("client"));
    for (let id = 1; greedy.ends.length === 0; id += 2) {
      greedy.receive(Kind.REQUEST, id, request(ASK, body(10_000)));
      assertEquals(id < 100, true);
    }
    assertEquals(greedy.error.code, "flow-control");
  },
);

Deno.test("start() states the windows, and half of maxAssembly", pure, () => {
  const stated = (maxAssembly: number) => {
    const limits = { notifyWindow: 20_000, itemsWindow: 70_000, maxAssembly };
    const lone = new Lone("client", limits);
    lone.session.enter(0).start(undefined);
    const hello = decodeHello(lone.sent()[0]!.body, 10); // one frame was sent
    return [hello.notifyWindow, hello.itemsWindow, hello.maxAssembly];
  };
  assertEquals(stated(200_001), [20_000, 70_000, 100_000]);
  assertEquals(stated(131_072), [20_000, 70_000, 65_536]); // a HELLO's minimum
});

Deno.test("start() states the agent and all codecs of a client", pure, () => {
  const lone = new Lone("client");
  lone.session.enter(0).start(undefined);
  const hello = decodeHello(lone.sent()[0]!.body, 10); // one frame was sent
  assertEquals([hello.agent, hello.codecs], [AGENT, ["bytes"]]);
});

Deno.test(
  "start() permits no calls before HELLO if the server chooses the codec",
  pure,
  () => {
    const lone = new Lone("client", {}, [bytes(), json()]);
    lone.session.enter(0).start(undefined);
    const { closed } = lone.session.outgoing;
    assertEquals([closed?.code, closed?.processed], ["unavailable", "no"]);
    lone.receive(Kind.HELLO, 0, hello("server", { codecs: ["json"] }));
    assertEquals([lone.session.outgoing.closed, lone.session.codec.name], [
      undefined,
      "json",
    ]);
  },
);

Deno.test("start() throws if the HELLO is too large", pure, () => {
  const lone = new Lone("client");
  assertThrows(
    () => lone.session.enter(0).start(body(65_536)),
    RangeError,
    "65535",
  );
  assertThrows(
    () => lone.session.enter(0).start(body(65_500)),
    RangeError,
    "handshake",
  );
  assertThrows(() => lone.session.enter(0).start({ not: "bytes" }));
  assertEquals([lone.sentKinds(), lone.session.state], [[], "new"]);
});

Deno.test(
  "receiveHello() refuses credentials that cannot be decoded",
  pure,
  () => {
    const lone = new Lone("server", {}, [undecodable()]);
    assertEquals(
      refused(lone, Kind.HELLO, hello("client", { auth: body(1) })),
      "unauthenticated",
    );
  },
);

Deno.test(
  "call() before HELLO has no credit for items until HELLO arrives",
  pure,
  () => {
    const simulation = new Simulation({
      serverLimits: { streamWindow: 1024 },
    });
    const { client, server } = simulation;
    client.session.enter(simulation.now).start(undefined);
    const up = call(simulation, client, { method: UP });
    const { itemCredit } = up.call;
    assertEquals(itemCredit?.available, 0);
    const { shared } = client.session.enter(simulation.now);
    assertEquals(sendItem(shared, up.call, body(1), up), "queued");
    hold(server);
    simulation.settle();
    assertEquals([up.sendable, itemCredit?.available], [1, 1024 - 3 - 64]);
  },
);

Deno.test(
  "receiveHello() of a client accepts the maximum length whatever its own limit",
  pure,
  () => {
    const client = new Lone("client", { maxHello: 1024 });
    client.session.enter(0).start(undefined);
    const protocol = "x".repeat(60_000);
    client.receive(Kind.HELLO, 0, hello("server", { protocol }));
    assertEquals([client.session.state, client.ends], ["open", []]);
  },
);

Deno.test(
  "a server that does not check credentials never decodes them",
  pure,
  () => {
    for (const checksCredentials of [false, true]) {
      const lone = new Lone("server", {}, undefined, checksCredentials);
      let decoded = 0;
      lone.session.codec.decode = () => ++decoded;
      lone.receive(Kind.HELLO, 0, hello("client", { auth: body(9) }));
      lone.receive(Kind.AUTH, 1, body(9));
      assertEquals([lone.opened, lone.credentialRefresh.length], [1, 1]);
      assertEquals(decoded, checksCredentials ? 2 : 0);
    }
  },
);
