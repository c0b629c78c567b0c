/** Text that a peer receives about an undeclared failure. */
import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import {
  type ErrorExposure,
  exposedText,
  publicMessage,
} from "../../../lib/messages/errors/incident_report.ts";
import {
  notification,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, endOf, failureOf, incidents } from "../kit.ts";

const none = { permissions: "none" } as const;

const Shop = protocol({
  name: "shop",
  server: { price: unary<string, number>(), both: unary<void, string>() },
  client: { ask: unary<void, void>(), log: notification<string>() },
});

function shop(options: Parameters<typeof createServer<typeof Shop>>[1]) {
  return createServer(Shop, options).handle({
    price() {
      throw new RangeError("no such table: secret");
    },
    both: async (_, { session }) =>
      (await failureOf(session.remote.ask())).message,
  });
}

const broken = {
  ask() {
    throw new TypeError("client's own");
  },
  log() {},
};

Deno.test(
  "exposeErrors is off by default: no details of an error are sent",
  none,
  async () => {
    const { list, onError } = incidents();
    const server = shop({ onError });
    await using session = await connect(Shop, dial(server), {
      handlers: broken,
      onError,
    });
    const error = await failureOf(session.remote.price("x"));
    const incident = list[0]?.id;
    assertEquals(
      [error.code, error.incident, error.data, error.message],
      [
        "internal",
        incident,
        undefined,
        `price failed; see the peer's log for incident ${incident}`,
      ],
    );
    const back = await session.remote.both();
    assertEquals(back.includes("client's own"), false, back);
    await server.shutdown();
  },
);

Deno.test(
  "exposeErrors sends name and message, or the stack, with the incident id, on either side",
  none,
  async () => {
    const { list, onError } = incidents();
    const server = shop({ onError, exposeErrors: "message" });
    await using session = await connect(Shop, dial(server), {
      handlers: broken,
      onError,
      exposeErrors: "stack",
    });
    const error = await failureOf(session.remote.price("x"));
    assertEquals(
      error.message,
      `price failed (incident ${error.incident}): RangeError: no such table: secret`,
    );
    assertEquals([error.code, error.processed, error.incident], [
      "internal",
      "yes",
      list[0]!.id,
    ]);
    const back = await session.remote.both();
    assertMatch(
      back,
      /^ask failed \(incident [-0-9a-f]+\): TypeError: client's own\n +at .*incident_report_test/,
    );
    await server.shutdown();
  },
);

Deno.test(
  "exposeErrors applies to authenticate() and state() too",
  none,
  async () => {
    const { onError } = incidents();
    const fails = (): never => {
      throw new Error("mine");
    };
    for (const options of [{ authenticate: fails }, { state: fails }]) {
      for (const [exposeErrors, shows] of EXPOSES) {
        const server = createServer(Shop, { ...options, onError, exposeErrors })
          .handle({
            price: () => 1,
            both: () => "",
          });
        const error = await endOf(
          connect(Shop, dial(server), { handlers: broken }),
        );
        assertEquals(error.message.includes("Error: mine"), shows);
        await server.shutdown();
      }
    }
  },
);

const EXPOSES: readonly [ErrorExposure, boolean][] = [
  ["none", false],
  ["message", true],
  ["stack", true],
];

Deno.test("exposedText() returns a text for any thrown value", none, () => {
  const bare = new Error("x");
  delete bare.stack;
  const hostile = Object.defineProperty(new Error("x"), "message", {
    get: () => {
      throw new Error("y");
    },
  });
  const odd = [Symbol("x"), Object.create(null), "", 7].map((stack) =>
    Object.assign(new Error("x"), { stack })
  );
  assertEquals(
    odd.map((thrown) => exposedText(thrown, "stack")),
    odd.map(() => "Error: x"),
  );
  const texts = [bare, "text", Symbol("s"), undefined, null, 7n, hostile]
    .map((thrown) => exposedText(thrown, "stack"));
  assertEquals(texts, [
    "Error: x",
    "text",
    "Symbol(s)",
    "undefined",
    "null",
    "7",
    "a thrown value that has no text",
  ]);
  assertEquals(
    exposedText(Object.create(null), "message"),
    "a thrown value that has no text",
  );
  assertEquals(exposedText(new Error("x"), "none"), "");
});

Deno.test("publicMessage() always names the incident", none, () => {
  const message = (exposed: string) =>
    publicMessage("It failed", { incident: "7", exposed });
  assertEquals(
    message(""),
    "It failed; see the peer's log for incident 7",
  );
  assertEquals(message("Error: x"), "It failed (incident 7): Error: x");
});

Deno.test(
  "an exposed stack is truncated, and lone surrogates in it are replaced",
  none,
  async () => {
    const { onError } = incidents();
    const server = createServer(Shop, { onError, exposeErrors: "stack" })
      .handle({
        price() {
          throw new Error(`\ud800${"x".repeat(100_000)}`);
        },
        both: () => "",
      });
    await using session = await connect(Shop, dial(server), {
      handlers: broken,
    });
    const { message } = await failureOf(session.remote.price("x"));
    assertEquals([message.length, message.includes("Error: \ufffdxx")], [
      2049,
      true,
    ]);
    assertEquals(await session.remote.both(), "");
    await server.shutdown();
  },
);
