/**
 * How clients connect to servers that do not answer, that end sessions at once,
 * and that restart under many clients, in virtual time.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { SessionError } from "../../../lib/messages/errors/call_error.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import { simulatedNetwork } from "../../../lib/testing/simulated_network.ts";
import { TransportError } from "../../../lib/transport/errors.ts";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";

const pure = { permissions: "none" } as const;

const Echo = protocol({
  name: "echo",
  server: { echo: unary<number, number>() },
});
const handlers = { echo: (value: number) => value };

// Scenario 15.
Deno.test(
  "a server that accepts connections and never answers counts as down",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 5 });
    const listener = network.listen("mute");
    const accepting = (async () => {
      for await (const _connection of listener);
    })();
    const client = createClient(Echo, network.address("mute"));
    const failures: unknown[] = [];
    const reading = (async () => {
      for await (const { kind, cause } of client.events()) {
        if (kind === "backing-off") failures.push(cause);
      }
    })();
    await time.advance(20_000);
    assertEquals(failures.length, 3); // 5 s each and 1 s to close; pauses below 0.6 s in all
    for (const cause of failures) {
      assert(cause instanceof SessionError);
      assertEquals(cause.code, "timeout");
    }
    await time.run(client.close());
    await time.run(reading);
    listener.close();
    await time.run(accepting);
  },
);

Deno.test(
  "two servers that accept connections and never answer leave time for the third",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 5 });
    const mute = ["a", "b"].map((name) => network.listen(name));
    const accepting = mute.map(async (listener) => {
      for await (const _connection of listener);
    });
    const server = await serve(Echo, network.listen("c")).handle(handlers);
    const names = ["a", "b", "c"];
    const client = createClient(
      Echo,
      names.map((name) => network.address(name)),
    );
    assertEquals(await time.run(client.remote.echo(7)), 7);
    assert(time.now > 6_000 && time.now < 8_000, `${time.now} ms`); // 3 s each
    await time.run(client.close());
    await time.run(server.shutdown());
    for (const listener of mute) listener.close();
    await time.run(Promise.all(accepting));
  },
);

Deno.test(
  "servers that take longer to answer are reached in another round",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 5 });
    const servers = await Promise.all(
      ["a", "b"].map((name) =>
        serve(Echo, network.listen(name), {
          authenticate: () =>
            new Promise<void>((done) => setTimeout(done, 4_500)),
        }).handle(handlers)
      ),
    );
    const client = createClient(Echo, [
      network.address("a"),
      network.address("b"),
    ], { credentials: "token" });
    await time.run(client.ready());
    assert(time.now > 10_500 && time.now < 12_000, `${time.now} ms`); // 3 s twice, then 4.5 s
    await time.run(client.close());
    for (const server of servers) await time.run(server.shutdown());
  },
);

// Scenario 16.
Deno.test(
  "sessions that are drained at once attract no loop of attempts",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 5 });
    let sessions = 0;
    const server = await serve(Echo, network.listen("a"), {
      onSession(session) {
        sessions++;
        void session.drain();
      },
    }).handle(handlers);
    const client = createClient(Echo, network.address("a"));
    await time.advance(60_000);
    // The pauses double up to 10 s: about six short ones, and then one in 5 s.
    assert(sessions > 5 && sessions < 40, `${sessions} sessions in a minute`);
    await time.run(client.close());
    await time.run(server.shutdown());
  },
);

// Scenario 17.
Deno.test(
  "the clients of a server that restarts come back over its spread",
  pure,
  async () => {
    using time = virtualTime();
    const CLIENTS = 200;
    const SPREAD = 5_000;
    const network = simulatedNetwork({ latency: 5 });
    const arrivals: number[] = [];
    const start = () =>
      serve(Echo, network.listen("a"), {
        spread: SPREAD,
        onSession: () => void arrivals.push(time.now),
      }).handle(handlers);
    const first = await start();
    const clients = Array.from(
      { length: CLIENTS },
      () => createClient(Echo, network.address("a")),
    );
    await time.advance(11_000); // a session that lasts ends a series of failures
    assertEquals(arrivals.length, CLIENTS);
    arrivals.length = 0;
    network.set("a", "down");
    await time.run(first.abort());
    network.set("a", "up");
    const second = await start();
    await time.advance(SPREAD + 100);
    assertEquals(arrivals.length, CLIENTS);
    const most = Math.max(
      ...arrivals.map((at) =>
        arrivals.filter((other) => other >= at && other < at + 100).length
      ),
    );
    // On average, 4 of them arrive in 100 ms.
    assert(most < 20, `${most} clients in 100 ms`);
    await time.run(Promise.all(clients.map((client) => client.close())));
    await time.run(second.shutdown());
  },
);

Deno.test(
  "an onSession() that waits for its own client fails, and the error says why",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 5 });
    const server = await serve(Echo, network.listen("a")).handle(handlers);
    const client = createClient(Echo, network.address("a"), {
      onSession: async () => void await client.remote.echo(1),
    });
    const events = client.events();
    await time.advance(6_000);
    for await (const { kind, cause } of events) {
      if (kind !== "backing-off") continue;
      assert(cause instanceof SessionError);
      assertEquals(
        cause.message,
        "onSession() has not settled within 5000 ms; it must make its calls with its session",
      );
      break;
    }
    await time.run(client.close());
    await time.run(server.shutdown());
  },
);

Deno.test(
  "a session that a restarted server does not know ends, and says why",
  pure,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 5 });
    const start = () =>
      serve(Echo, network.listen("a"), { resume: { grace: 60_000 } })
        .handle(handlers);
    const first = await start();
    const client = createClient(Echo, network.address("a"));
    await time.run(client.ready());
    const session = client.session!; // open, since ready() has resolved
    network.set("a", "down");
    await time.run(first.abort());
    network.set("a", "up");
    const second = await start();
    const { code, message } = await time.run(session.finished);
    assertEquals(
      [code, message],
      [
        "resume-lost",
        "The session could not be resumed: another instance of the server was reached, for example after a restart",
      ],
    );
    assertEquals(await time.run(client.remote.echo(1)), 1);
    await time.run(client.close());
    await time.run(second.shutdown());
  },
);

Deno.test(
  "a client connects at once when the network is back or its page visible",
  pure,
  async () => {
    using time = virtualTime();
    const document = Object.assign(new EventTarget(), {
      visibilityState: "visible",
    });
    Object.assign(globalThis, { document });
    using _document = {
      [Symbol.dispose]: () => Reflect.deleteProperty(globalThis, "document"),
    };
    const network = simulatedNetwork({ latency: 5 });
    const client = createClient(Echo, network.address("a"), {
      reconnect: { minDelay: 60_000, maxDelay: 60_000 },
    });
    let attempts = 0;
    const reading = (async () => {
      for await (const { kind } of client.events()) {
        if (kind === "connecting") attempts++;
      }
    })();
    await time.advance(1_000); // the first attempt precedes the reader
    const events: [target: EventTarget, type: string, state: string][] = [
      [globalThis, "online", "visible"],
      [document, "visibilitychange", "visible"],
      [document, "visibilitychange", "hidden"],
    ];
    const counts: number[] = [];
    for (const [target, type, state] of events) {
      document.visibilityState = state;
      target.dispatchEvent(new Event(type));
      await time.advance(1_000);
      counts.push(attempts);
    }
    assertEquals(counts, [1, 2, 2]);
    await time.run(client.close());
    globalThis.dispatchEvent(new Event("online"));
    await time.run(reading);
    assertEquals(attempts, 2);
  },
);

Deno.test(
  "a client that is back on the network waits as long as the server asked",
  pure,
  async () => {
    using time = virtualTime();
    let attempts = 0;
    const client = createClient(Echo, {
      name: "full",
      connect() {
        attempts++;
        throw new TransportError("full", {
          code: "unavailable",
          address: "full",
          retryAfter: 8_000,
        });
      },
    });
    await time.advance(1_000);
    globalThis.dispatchEvent(new Event("online"));
    await time.advance(6_000);
    assertEquals(attempts, 1);
    await time.advance(5_000);
    assertEquals(attempts, 2);
    await time.run(client.close());
  },
);
