import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import type { Connector } from "../../../lib/messages/client/connector.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { TransportError } from "../../../lib/transport/errors.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";

const pure = { permissions: "none" } as const;

const Echo = protocol({
  name: "echo",
  server: { echo: unary<string, string>() },
});

/** Returns a server, and a connector to it whose first attempts fail. */
function echo(failures: number, code: "refused" | "forbidden" = "refused") {
  const server = createServer(Echo).handle({ echo: (text) => text });
  let attempts = 0;
  const connector: Connector = {
    name: "here",
    connect() {
      if (attempts++ < failures) {
        return Promise.reject(
          new TransportError("not yet", { code, address: "here" }),
        );
      }
      const [near, far] = memoryPair();
      server.accept(far);
      return Promise.resolve(near);
    },
  };
  return { server, connector };
}

Deno.test("createClient() connects again with a connector", pure, async () => {
  const { server, connector } = echo(2);
  await using _server = server;
  await using client = createClient(Echo, [connector], {
    reconnect: { minDelay: 1, maxDelay: 1, spread: 0 },
  });
  const events = client.events();
  assertEquals(await client.remote.echo("hello"), "hello");
  const { value } = await events.next();
  assertEquals([value.kind, value.address], ["backing-off", "here"]);
});

Deno.test(
  "createClient() gives up if the error of a connector is permanent",
  pure,
  async () => {
    const { server, connector } = echo(1, "forbidden");
    await using _server = server;
    await using client = createClient(Echo, connector);
    await assertRejects(() => client.ready(), Error, "refused this client");
  },
);

Deno.test(
  "createClient() tries again if a connector throws an error of its own",
  pure,
  async () => {
    const { server, connector } = echo(0);
    await using _server = server;
    const errors = [
      new Error("the tunnel is closed"),
      new Deno.errors.ConnectionRefused("no one listens"),
    ];
    await using client = createClient(Echo, {
      name: "tunnel",
      connect(signal) {
        const error = errors.shift();
        if (error !== undefined) throw error;
        return connector.connect(signal);
      },
    }, { reconnect: { minDelay: 1, maxDelay: 1, spread: 0 } });
    const events = client.events();
    assertEquals(await client.remote.echo("hello"), "hello");
    const { value } = await events.next();
    assertEquals(value.kind, "backing-off");
    assert(value.cause instanceof TransportError);
    assertEquals([value.cause.code, value.cause.address], ["other", "tunnel"]);
    await events.next();
    const second = await events.next();
    assertEquals(second.value.cause?.code, "refused");
  },
);

Deno.test("connect() passes its signal to a connector", pure, async () => {
  const { server, connector } = echo(0);
  await using _server = server;
  const session = await connect(Echo, connector);
  assertEquals(await session.remote.echo("hello"), "hello");
  await session.close();

  const controller = new AbortController();
  const waiting = connect(Echo, {
    name: "nowhere",
    connect: (signal) =>
      new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      ),
  }, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
});

Deno.test(
  "options of the transport are rejected with connectors alone",
  pure,
  async () => {
    const { server, connector } = echo(0);
    await using _server = server;
    for (const transport of [{ tls: {} }, { noDelay: true }]) {
      const name = `"${Object.keys(transport)[0]}"`;
      await assertRejects(
        () => connect(Echo, connector, { transport }),
        TypeError,
        name,
      );
      assertThrows(
        () => createClient(Echo, [connector, connector], { transport }),
        TypeError,
        name,
      );
      // They have an effect at the other addresses.
      const both = createClient(Echo, [connector, { port: 1 }], { transport });
      assertEquals(await both.remote.echo("hello"), "hello");
      await both.close();
    }
    const timeout = { timeout: 1_000 };
    await assertRejects(
      () => connect(Echo, connector, { transport: timeout }),
      TypeError,
      '"timeout"',
    );
    assertThrows(
      () => createClient(Echo, connector, { transport: timeout }),
      TypeError,
      '"timeout"',
    );
    const several = [connector, connector];
    await createClient(Echo, several, { transport: timeout }).close();
  },
);

Deno.test(
  "a connector that returns no connection is named in the error",
  pure,
  async () => {
    for (const returned of [undefined, 7, {}]) {
      const connector: Connector = {
        name: "tunnel",
        connect: () => Promise.resolve(returned as never), // as JavaScript may
      };
      const message =
        /^Cannot connect to tunnel: its connect\(\) returned .+; expected a connection$/;
      const error = await assertRejects(() => connect(Echo, connector));
      assert(error instanceof TypeError && message.test(error.message));
      await using client = createClient(Echo, connector);
      await assertRejects(() => client.ready(), Error, "expected a connection");
    }
  },
);
