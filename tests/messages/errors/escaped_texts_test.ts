/**
 * Texts that a peer chose are escaped in everything that a program prints.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import {
  CallError,
  connect,
  createServer,
  protocol,
  unary,
} from "@lengthwise/lengthwise";
import { memoryPair, testPair } from "@lengthwise/lengthwise/testing";
import { assert, assertEquals } from "@std/assert";
import { endOf, failureOf, turns } from "../kit.ts";
import { K, RawPeer } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const P = protocol({
  name: "p",
  server: { ask: unary<void, void, { odd: void }>() },
});
const EVIL = "\x1b[2Jevil\r\n\u202e\x9b";
const text = new TextEncoder();

/** Checks that a text that is printed moves no cursor and changes no order. */
function assertPrintable(shown: string): void {
  assert(
    // deno-lint-ignore no-control-regex -- these are what it looks for
    !/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.test(shown),
    JSON.stringify(shown),
  );
}

Deno.test("the message of a refusal is escaped", none, async () => {
  await using pair = await testPair(P).handle({
    ask(_, context) {
      throw context.refuse(EVIL, { code: "forbidden" });
    },
  });
  const error = await failureOf(pair.session.remote.ask());
  assert(error.message.includes("evil"), error.message);
  assertPrintable(error.message);
  assertPrintable(error.stack?.split("\n    at ")[0] ?? "");
});

Deno.test("the text of a refused login is escaped", none, async () => {
  const server = createServer(P, {
    authenticate() {
      throw new CallError(EVIL, { code: "unauthenticated" });
    },
    onError() {},
  }).handle({ ask() {} });
  const [near, far] = memoryPair();
  server.accept(far);
  const error = await endOf(connect(P, near));
  assert(error.message.includes("evil"), error.message);
  assertPrintable(error.message);
  await server.shutdown();
});

/** Fields of an ERROR: a type, a length and a content each. */
function field(type: number, content: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(type, 0, content.length), content]);
}

for (const type of [1, 2, 3, 4, 5, 6, 7, 8]) {
  Deno.test(
    `field ${type} of an ERROR by a foreign server is escaped`,
    none,
    async () => {
      const [near, far] = memoryPair();
      const peer = new RawPeer(far);
      const connecting = connect(P, near, { onError() {} });
      await peer.until(K.HELLO);
      await peer.hello({ role: 1 });
      const session = await connecting;
      const failing = failureOf(session.remote.ask());
      const { id } = await peer.until(K.REQUEST);
      const fields = field(type, text.encode(EVIL));
      await peer.frame(
        K.ERROR,
        id,
        concat([
          Uint8Array.of(5, 2, 0, 0),
          Uint8Array.of(fields.length >> 8, fields.length & 255),
          fields,
        ]),
      );
      await turns(3);
      peer.connection.close();
      const error = await failing;
      assertPrintable(error.message);
      assertPrintable(error.incident);
      assertPrintable(error.declared);
      assertPrintable(error.stack?.split("\n    at ")[0] ?? "");
      assertPrintable(String(error));
      await session.close();
    },
  );
}

Deno.test("the codecs that a client offers are escaped", none, async () => {
  const reported: unknown[] = [];
  const server = createServer(P, {
    onError: ({ error }) => void reported.push(error),
  }).handle({ ask() {} });
  const [near, far] = memoryPair();
  const served = server.accept(far);
  const peer = new RawPeer(near);
  await peer.hello({ codec: EVIL });
  const { body } = await peer.until(K.GOAWAY);
  assertPrintable(new TextDecoder().decode(body.subarray(9)));
  for (const error of reported) assertPrintable(String(error));
  peer.connection.close();
  await served;
  await server.shutdown();
  assertEquals(server.sessions.size, 0);
});
