import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  createServer,
  memoryOnceStore,
  type Server,
  type ServerOptions,
} from "@lengthwise/lengthwise";
import {
  type BrowserClientOptions,
  type BrowserPlugins,
  CallError,
  type Client,
  type Connector,
  createClient,
  messagePortConnection,
  notification,
  observing,
  once,
  protocol,
  resumption,
  serverStream,
  serving,
  unary,
} from "@lengthwise/lengthwise/browser";
import type { AnyProtocol } from "@lengthwise/lengthwise/types";
import { json } from "@lengthwise/lengthwise/json";
import { msgpack } from "@lengthwise/lengthwise/msgpack";

const calls = {
  upper: unary<string, string>(),
  count: serverStream<number, number>(),
  ask: unary<void, string>(),
};
/** The protocol of the server. */
const Both = protocol({
  name: "both",
  server: calls,
  client: { title: unary<void, string>(), alert: notification<string>() },
});
/** The protocol of a page that handles no calls. */
const Calls = protocol({ name: "both", server: calls });

function start(
  options: ServerOptions<typeof Both> = {},
): Server<typeof Both> {
  return createServer(Both, {
    codecs: [json(), msgpack()],
    onError() {}, // some calls fail on purpose
    ...options,
  })
    .handle({
      upper: (text) => text.toUpperCase(),
      async *count(most) {
        for (let n = 0; n < most; n++) yield n;
      },
      async ask(_, { session }) {
        await session.remote.alert("soon");
        return await session.remote.title();
      },
    });
}

/** Connects to a server in this thread, through a channel of messages. */
function through(
  server: Server<typeof Both>,
  onConnect?: (port: MessagePort) => void,
): Connector {
  return {
    name: "worker",
    connect() {
      const { port1, port2 } = new MessageChannel();
      server.accept(messagePortConnection(port2));
      onConnect?.(port1);
      return Promise.resolve(messagePortConnection(port1));
    },
  };
}

async function callsAll(client: Client<typeof Calls>): Promise<void> {
  assertEquals(await client.remote.upper("a"), "A");
  const counted: number[] = [];
  for await (const n of client.remote.count(3)) counted.push(n);
  assertEquals(counted, [0, 1, 2]);
}

Deno.test("a client without plugins calls its server", async () => {
  await using server = start();
  for (const codec of [json(), msgpack()]) {
    await using client = createClient(Calls, through(server), {
      codecs: [codec],
    });
    await callsAll(client);
    await assertRejects(
      async () => await client.remote.ask(),
      CallError,
    );
  }
});

Deno.test("a client with plugins handles calls, resumes and is observed", async () => {
  await using server = start({ resume: { grace: 5_000 } });
  const seen: string[] = [];
  const ports: MessagePort[] = [];
  await using client = createClient(
    Both,
    through(server, (port) => ports.push(port)),
    {
      codecs: [json()],
      plugins: { serving, resumption, observing },
      resume: { patience: 5_000 },
      reconnect: { spread: 0, minDelay: 1 },
      handlers: {
        title: () => "a title",
        alert: (text) => void seen.push(text),
      },
      observers: [{ connect: ({ outcome }) => void seen.push(outcome) }],
    },
  );
  assertEquals(await client.remote.ask(), "a title");
  assertEquals(seen, ["opened", "soon"]);
  ports[0]!.postMessage("no bytes"); // cuts the connection
  assertEquals(await client.remote.upper("b"), "B");
  assertEquals(seen, ["opened", "soon", "resumed"]);
});

Deno.test("a client with the plugin once repeats a call that runs at most once", async () => {
  let runs = 0;
  const Pay = protocol({
    name: "pay",
    server: { pay: unary<number, string>({ once: true }) },
  });
  await using server = createServer(Pay, {
    codecs: [json()],
    once: memoryOnceStore(),
    onError() {},
  }).handle({
    async pay(cents, { session }) {
      runs++;
      void session.close(); // before the client receives the outcome
      await session.finished;
      return `paid ${cents}`;
    },
  });
  await using client = createClient(Pay, {
    name: "here",
    connect() {
      const { port1, port2 } = new MessageChannel();
      server.accept(messagePortConnection(port2));
      return Promise.resolve(messagePortConnection(port1));
    },
  }, {
    codecs: [json()],
    plugins: { once },
    reconnect: { spread: 0, minDelay: 1, maxDelay: 1 },
  });
  assertEquals(await client.remote.pay(5), "paid 5");
  assertEquals(runs, 1);
});

Deno.test("createClient() rejects options whose plugin is missing", () => {
  const codecs = [json()] as const;
  // Possible from JavaScript.
  const create = (
    P: AnyProtocol,
    options: object,
    address: string | Connector = "ws://127.0.0.1:1/",
  ) =>
  () => createClient(P, address, options as BrowserClientOptions<AnyProtocol>);
  const handlers = { title: () => "", alert() {} };
  assertThrows(create(Both, { codecs, handlers }), TypeError, "`serving`");
  assertThrows(
    create(Calls, { codecs, resume: { patience: 1 } }),
    TypeError,
    "`resumption`",
  );
  assertThrows(
    create(Calls, { codecs, observers: [{}] }),
    TypeError,
    "`observing`",
  );
  const Once = protocol({
    name: "both",
    server: { pay: unary<number, string>({ once: true }) },
  });
  assertThrows(create(Once, { codecs }), TypeError, "`once`");
  assertThrows(create(Calls, {}), TypeError, "json()");
  const swapped = { serving: resumption } as unknown as BrowserPlugins; // possible from JavaScript
  assertThrows(
    create(Calls, { codecs, plugins: swapped }),
    TypeError,
    'the plugin "serving"',
  );
  assertThrows(
    create(Calls, { codecs, plugins: { serve: serving } }),
    TypeError,
    "serving",
  );
  assertThrows(create(Calls, { codecs }, "tcp://a:1"), Error, "'ws://'");
});
