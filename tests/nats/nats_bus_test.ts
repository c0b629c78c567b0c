import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { natsBus, type NatsConnection } from "../../lib/nats/mod.ts";
import { checkBus } from "../../lib/testing/check_bus.ts";
import { turns } from "../messages/kit.ts";
import { FakeNats } from "./fake_nats.ts";

const pure = { permissions: "none" } as const;
const SAFE = { maxReconnectAttempts: -1, pingInterval: 20_000 };

Deno.test("natsBus() passes checkBus()", pure, async () => {
  const nats = new FakeNats();
  const [near, far] = [nats.connect(SAFE), nats.connect(SAFE)];
  const pair = [natsBus(near), natsBus(far)] as const;
  await checkBus(() => pair, {
    disconnect: () => near.disconnect(),
    reconnect: () => near.reconnect(),
  });
});

Deno.test(
  "natsBus() carries messages between connections, and to itself",
  pure,
  async () => {
    const nats = new FakeNats();
    const [near, far] = [nats.connect(SAFE), nats.connect(SAFE)];
    const [one, two] = [natsBus(near), natsBus(far)];
    const heard: string[] = [];
    const first = one.subscribe("lw.a", ([n]) => void heard.push(`near ${n}`));
    const second = two.subscribe("lw.a", ([n]) => void heard.push(`far ${n}`));
    await Promise.all([first.ready, second.ready]);
    assertEquals(one.publish("lw.a", Uint8Array.of(1)), true);
    await turns(5);
    assertEquals(heard, ["near 1", "far 1"]);
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    one.publish("lw.a", Uint8Array.of(2));
    await turns(5);
    assertEquals(heard, ["near 1", "far 1", "near 2"]);
    assertEquals(far.subscribed.size, 0);
  },
);

Deno.test(
  "natsBus() takes no messages while it is down, and follows the status",
  pure,
  async () => {
    const nats = new FakeNats();
    const connection = nats.connect(SAFE);
    const bus = natsBus(connection, { onWarning() {} });
    const changes: string[] = [];
    const listening = bus.onStatus((status) => changes.push(status));
    connection.disconnect();
    await turns(5);
    assertEquals(bus.status, "down");
    assertEquals(bus.publish("lw.a", new Uint8Array(1)), false);
    const subscription = bus.subscribe("lw.a", () => {});
    let ready = false;
    subscription.ready.then(() => ready = true);
    connection.emit("reconnecting");
    await turns(10);
    assertEquals([ready, connection.flushes], [false, 0]);
    connection.reconnect();
    await turns(10);
    assertEquals([ready, bus.publish("lw.a", new Uint8Array(1))], [true, true]);
    connection.draining = true;
    assertEquals(bus.publish("lw.a", new Uint8Array(1)), false);
    connection.draining = false;
    connection.close();
    assertEquals([bus.status, bus.publish("lw.a", new Uint8Array(1))], [
      "closed",
      false,
    ]);
    bus.subscribe("lw.b", () => {})[Symbol.dispose]();
    await turns(10);
    assertEquals(changes, ["down", "up", "closed"]);
    listening[Symbol.dispose]();
    assertEquals(natsBus(connection).status, "closed");
  },
);

Deno.test(
  "a subscription is ready after a flush of the connection that it has",
  pure,
  async () => {
    const connection = new FakeNats().connect(SAFE);
    const bus = natsBus(connection);
    connection.stalled = [];
    let ready = false;
    bus.subscribe("lw.a", () => {}).ready.then(() => ready = true);
    await turns(5);
    assertEquals(connection.flushes, 1);
    connection.disconnect();
    await turns(5);
    connection.reconnect();
    await turns(10);
    assertEquals([ready, connection.flushes], [false, 2]);
    connection.resume();
    await turns(5);
    assertEquals(ready, true);
  },
);

Deno.test(
  "natsBus() bounds what the server has not received",
  pure,
  async () => {
    const connection = new FakeNats().connect(SAFE);
    const bus = natsBus(connection, { maxUnflushed: 250 });
    connection.stalled = [];
    const publish = () => bus.publish("lw.a", new Uint8Array(100));
    assertEquals([publish(), publish(), publish()], [true, true, false]);
    assertEquals(connection.flushes, 1); // one at a time
    connection.stalled[0]!.resolve();
    await turns(5);
    // The first flush has covered the first message only.
    assertEquals([publish(), publish()], [true, false]);
    assertEquals(connection.flushes, 2);
    connection.resume();
    await turns(10);
    assertEquals([publish(), publish()], [true, true]);
    assertEquals(bus.publish("lw.b", new Uint8Array(1_000)), false);
    await turns(10);
    assertEquals(bus.publish("lw.b", new Uint8Array(1_000)), true); // a single one
  },
);

Deno.test(
  "a flush before a loss does not count for what was published after it",
  pure,
  async () => {
    const connection = new FakeNats().connect(SAFE);
    const bus = natsBus(connection, { maxUnflushed: 100 });
    connection.stalled = [];
    assertEquals(bus.publish("lw.a", new Uint8Array(100)), true);
    connection.disconnect();
    await turns(5);
    connection.reconnect();
    await turns(5);
    assertEquals(bus.publish("lw.a", new Uint8Array(60)), true);
    assertEquals(bus.publish("lw.a", new Uint8Array(60)), false);
  },
);

Deno.test("natsBus() refuses more than the payload of the server", pure, () => {
  const connection = new FakeNats().connect(SAFE);
  const bus = natsBus(connection);
  assertEquals(bus.maxMessage, 2 ** 20);
  connection.info = { max_payload: 500 };
  assertEquals(bus.maxMessage, 500);
  assertEquals(bus.publish("lw.a", new Uint8Array(501)), false);
  connection.info = undefined;
  assertEquals(bus.maxMessage, 2 ** 20);
});

Deno.test(
  "natsBus() warns once of a client that gives up or notices late",
  pure,
  () => {
    const warnings: string[] = [];
    const onWarning = (text: string) => void warnings.push(text);
    const nats = new FakeNats();
    const unsafe = nats.connect({});
    natsBus(unsafe, { onWarning });
    natsBus(unsafe, { onWarning });
    natsBus(nats.connect(SAFE), { onWarning });
    natsBus(nats.connect(undefined), { onWarning }); // it does not show its options
    assertEquals(warnings.length, 2);
    assertEquals(warnings[0]?.includes("after 10 failed attempts"), true);
    assertEquals(warnings[1]?.includes("240 s"), true);
  },
);

Deno.test("natsBus() passes on the errors of a subscription", pure, () => {
  const warnings: string[] = [];
  const connection = new FakeNats().connect(SAFE);
  const bus = natsBus(connection, {
    onWarning: (text) => void warnings.push(text),
  });
  bus.subscribe("lw.a", () => {});
  const [subscribed] = connection.subscribed;
  subscribed!.callback(new Error("permissions violation"), {
    ...{ data: new Uint8Array(), subject: "" },
    respond: () => false,
  });
  connection.close();
  bus.subscribe("lw.b", () => {});
  assertEquals(warnings, [
    "Cannot read lw.a: permissions violation",
    "Cannot subscribe to lw.b: closed",
  ]);
});

Deno.test(
  "natsBus() rejects what is not a connection, and options out of range",
  pure,
  () => {
    const connection = new FakeNats().connect(SAFE);
    for (const maxUnflushed of [0, -1, 1.5, NaN, Infinity]) {
      assertThrows(() => natsBus(connection, { maxUnflushed }), RangeError);
    }
    assertThrows(() => natsBus(null as unknown as NatsConnection), TypeError);
    assertThrows(() => natsBus({} as NatsConnection), TypeError);
    assertThrows(
      () => natsBus(connection, { onWarning: 1 as unknown as () => void }),
      TypeError,
    );
  },
);

Deno.test(
  "natsBus() reads stored messages of the stream that the option history names",
  pure,
  async () => {
    const connection = new FakeNats().connect(SAFE);
    assertEquals(natsBus(connection).history, undefined);
    const bus = natsBus(connection, { history: "items" });
    const requests: string[] = [];
    let [code, sequence] = [0, "7"];
    connection.request = (subject: string, payload = new Uint8Array()) => {
      requests.push(`${subject} ${new TextDecoder().decode(payload)}`);
      const headers = { code, get: () => sequence };
      const data = Uint8Array.of(5);
      return Promise.resolve({ subject, data, headers, respond: () => false });
    };
    const found = { index: 7, message: Uint8Array.of(5) };
    assertEquals(await bus.history?.newest("lw.s.a"), found);
    assertEquals(await bus.history?.next("lw.s.a", 3), found);
    assertEquals(requests, [
      '$JS.API.DIRECT.GET.items {"last_by_subj":"lw.s.a"}',
      '$JS.API.DIRECT.GET.items {"next_by_subj":"lw.s.a","seq":3}',
    ]);
    [code, sequence] = [404, ""];
    assertEquals(await bus.history?.newest("lw.s.a"), undefined);
    code = 408;
    await assertRejects(async () => await bus.history?.newest("lw.s.a"), Error);
    assertThrows(() => natsBus(connection, { history: "a.b" }), RangeError);
  },
);
