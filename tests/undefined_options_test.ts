/**
 * An option that is `undefined` counts as omitted, in every layer: callers pass
 * `{ signal: maybe }`, also with `exactOptionalPropertyTypes`.
 *
 * @module
 */
import {
  bytes,
  connect,
  createServer,
  json,
  messages,
  msgpack,
  notification,
  protocol,
  serve,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import * as framing from "@lengthwise/lengthwise/framing";
import * as presets from "@lengthwise/lengthwise/framing/presets";
import { memoryPair, testPair } from "@lengthwise/lengthwise/testing";
import * as transport from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";

const none = { permissions: "none" } as const;

Deno.test("framings take undefined options as omitted", none, () => {
  const limits = {
    maxFrameLength: undefined,
    onTooLarge: undefined,
  };
  const payload = new TextEncoder().encode("twelve bytes.");
  const length = {
    width: undefined,
    endian: undefined,
    offset: undefined,
    adjustment: undefined,
    counts: undefined,
    strip: undefined,
    trailer: undefined,
    minFrameLength: undefined,
  };
  const pairs: [name: string, framing.Framing, framing.Framing][] = [
    [
      "lengthPrefixed",
      framing.lengthPrefixed(),
      framing.lengthPrefixed({ ...limits, ...length }),
    ],
    [
      "varintPrefixed",
      framing.varintPrefixed(),
      framing.varintPrefixed({
        ...limits,
        offset: undefined,
        maxPrefixLength: undefined,
        keepHeader: undefined,
      }),
    ],
    [
      "lines",
      framing.lines(),
      framing.lines({ ...limits }),
    ],
    ["netstring", framing.netstring(), framing.netstring(limits)],
    [
      "contentLength",
      framing.contentLength(),
      framing.contentLength({ ...limits, maxHeaderLength: undefined }),
    ],
    ["cobs", framing.cobs(), framing.cobs(limits)],
    ["slip", framing.slip(), framing.slip(limits)],
    ["u16be", framing.u16be(), framing.u16be(limits)],
    ["u64le", framing.u64le(), framing.u64le(limits)],
    ["varint", framing.varint(), framing.varint(limits)],
    ["dnsTcp", presets.dnsTcp(), presets.dnsTcp(limits)],
    ["mysql", presets.mysql(), presets.mysql(limits)],
  ];
  for (const [name, omitted, undefinedOptions] of pairs) {
    assertEquals(undefinedOptions.maxFrameLength, omitted.maxFrameLength, name);
    assertEquals(
      undefinedOptions.encoder().encode(payload),
      omitted.encoder().encode(payload),
      name,
    );
  }
});

Deno.test("codecs take undefined options as omitted", none, () => {
  const limits = {
    maxDepth: undefined,
    maxNodes: undefined,
    maxBytes: undefined,
  };
  const value = { a: [1, "b"] };
  for (
    const codec of [
      msgpack({ ...limits, int64: undefined }),
      json(limits),
    ]
  ) assertEquals(codec.decode(codec.encode(value)), value);
  const binary = bytes({ binary: undefined });
  assertEquals(
    binary.decode(binary.encode(Uint8Array.of(1))),
    Uint8Array.of(1),
  );
});

const P = protocol({
  name: "p",
  server: {
    ask: unary<unknown, unknown>({
      timeout: undefined,
      idempotent: undefined,
      serial: undefined,
      description: undefined,
    }),
    count: serverStream<number, number>(),
  },
  client: { alert: notification<string>() },
});

const SESSION = {
  codecs: undefined,
  limits: {
    heartbeat: undefined,
    maxMessage: undefined,
    maxAssembly: undefined,
  },
  interceptors: undefined,
  callTimeout: undefined,
  onError: undefined,
  exposeErrors: undefined,
};

const SERVER = {
  ...SESSION,
  authenticate: undefined,
  state: undefined,
  maxSessions: undefined,
  broadcast: {
    slow: undefined,
    maxQueued: undefined,
    maxQueuedBytes: undefined,
  },
  onSession: undefined,
};

const CLIENT = {
  ...SESSION,
  credentials: undefined,
  signal: undefined,
  early: undefined,
  transport: undefined,
  handlers: { alert() {} },
};

const handlers = {
  ask: (value: unknown) => value,
  async *count(to: number) {
    for (let n = 0; n < to; n++) yield n;
  },
};

const CALL = {
  signal: undefined,
  timeout: undefined,
  metadata: undefined,
  onMetadata: undefined,
};

Deno.test(
  "servers, clients and calls take undefined options as omitted",
  none,
  async () => {
    const server = createServer(P, SERVER).handle(handlers);
    const [near, far] = memoryPair({
      toServer: undefined,
      toClient: undefined,
      seed: undefined,
      name: undefined,
      readSize: undefined,
      writeSize: undefined,
      capacity: undefined,
      latency: undefined,
      fault: undefined,
    });
    server.accept(far);
    const session = await connect(P, near, CLIENT);
    assertEquals(await session.remote.ask(1, CALL), 1);
    assertEquals(await Array.fromAsync(session.remote.count(2, CALL)), [0, 1]);
    const [accepted] = server.sessions;
    server.topic("t").subscribe(accepted!, {
      slow: undefined,
      maxQueued: undefined,
      maxQueuedBytes: undefined,
    });
    assertEquals(server.topic("t").publish.alert("x", { key: undefined }), 1);
    await session.close();
    await server.shutdown();

    await using pair = await testPair(P, {
      server: undefined,
      client: CLIENT,
      connection: undefined,
    }).handle(handlers);
    assertEquals(await pair.session.remote.ask("a"), "a");
  },
);

Deno.test("listening and connecting take undefined options as omitted", async () => {
  await using server = await serve(P, {
    port: 0,
    hostname: undefined,
  }, {
    ...SERVER,
    onListen: undefined,
    signal: undefined,
    transport: undefined,
  }).handle(handlers);
  await using session = await connect(P, server.addr, CLIENT);
  assertEquals(await session.remote.ask(2), 2);

  await using listener = await transport.listen({ port: 0 }, {
    maxConnections: undefined,
    overflow: undefined,
    onError: undefined,
    signal: undefined,
    noDelay: undefined,
    keepAlive: undefined,
    backlog: undefined,
  });
  const [client, accepted] = await Promise.all([
    transport.connect(listener.addr, {
      signal: undefined,
      timeout: undefined,
      retry: undefined,
      noDelay: undefined,
      keepAlive: undefined,
      autoSelectFamily: undefined,
      autoSelectFamilyAttemptDelay: undefined,
    }),
    listener.accept(),
  ]);
  const stream = framing.frames(accepted, framing.u32be(), {
    copy: undefined,
    highWaterMark: undefined,
    frameTimeout: undefined,
    turnTime: undefined,
    linger: undefined,
    signal: undefined,
  });
  const plain = messages<string, string>(client, {
    codec: undefined,
    framing: undefined,
    signal: undefined,
  });
  plain.send("hi");
  for await (const frame of stream) {
    assertEquals(msgpack().decode(frame), "hi");
    break;
  }
  await plain[Symbol.asyncDispose]();
  await stream[Symbol.asyncDispose]();
});
