/**
 * Errors of a handshake name the address, and escape the text of the peer.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer, serve } from "../../../lib/messages/server/server.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { dial, endOf } from "../kit.ts";
import { K, RawPeer } from "../raw_peer.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({ name: "p", server: { echo: unary<string, string>() } });

Deno.test("connect() names the address of a server that refuses it", async () => {
  await using server = await serve(P, { port: 0 }, { codecs: [json()] })
    .handle({ echo: (text) => text });
  const { addr } = server;
  if (!("port" in addr)) throw new Error("The server does not use TCP");
  const { code, remote, message, cause } = await endOf(connect(P, addr));
  assertEquals([code, remote], ["codec", true]);
  assertEquals(
    message.startsWith(
      `Cannot connect to tcp://127.0.0.1:${addr.port}: The peer closed`,
    ),
    true,
    message,
  );
  assertEquals(cause instanceof Error, true);
});

Deno.test("connect() names the address of a connection", none, async () => {
  const server = createServer(P, {
    authenticate() {
      throw new Error("no");
    },
    onError() {},
  }).handle({ echo: (text) => text });
  const near = dial(server);
  const { code, message } = await endOf(connect(P, near));
  assertEquals([code, message.includes("Cannot connect to memory:")], [
    "unauthenticated",
    true,
  ]);
  await server.shutdown(); // ends its timers
});

const HOSTILE = "\u001b[31m\u202eevil";

Deno.test("a server escapes the names that a client states", none, async () => {
  const server = createServer(P, { onError() {} }).handle({
    echo: (text) => text,
  });
  const [near, far] = memoryPair();
  server.accept(far);
  const raw = new RawPeer(near);
  await raw.hello({ codec: HOSTILE });
  const { body } = await raw.until(K.GOAWAY);
  const text = new TextDecoder().decode(body.subarray(9));
  assertEquals(text.includes("\\u{1b}[31m\\u{202e}evil"), true, text);
  assertEquals(text.includes("\u001b"), false);
  raw.connection.close();
  await server.shutdown();
});
