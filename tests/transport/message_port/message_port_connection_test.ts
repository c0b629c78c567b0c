import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkTransport } from "../../../lib/testing/check_transport.ts";
import { TransportError } from "../../../lib/transport/errors.ts";
import { readExactly } from "../../../lib/transport/io.ts";
import { messagePortConnection } from "../../../lib/transport/message_port/message_port_connection.ts";
import type { SocketConnection } from "../../../lib/transport/socket_connection.ts";

const WINDOW = 256 * 1024;

function pair(): [near: SocketConnection, far: SocketConnection] {
  const { port1, port2 } = new MessageChannel();
  return [messagePortConnection(port1), messagePortConnection(port2)];
}

/** Returns a connection, and the bare port at its other end. */
function bare(): [near: SocketConnection, far: MessagePort] {
  const { port1, port2 } = new MessageChannel();
  return [messagePortConnection(port1), port2];
}

Deno.test("checkTransport() passes MessagePort", async (t) => {
  await checkTransport(pair, { step: (name, check) => t.step(name, check) });
});

Deno.test("messagePortConnection() blocks a sender whose peer does not read", async () => {
  const [near, far] = pair();
  const total = 2 * WINDOW;
  let sent = 0;
  const sending = (async () => {
    while (sent < total) sent += await near.write(new Uint8Array(50_000));
  })();
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  assertEquals(sent, WINDOW);
  await readExactly(far, new Uint8Array(WINDOW));
  await readExactly(far, new Uint8Array(total - WINDOW));
  await sending;
  near.close();
  far.close();
});

Deno.test("messagePortConnection() ends a connection whose peer breaks the rules", async () => {
  const byte = new ArrayBuffer(1);
  const flood = Array.from({ length: 5 }, () => new ArrayBuffer(64 * 1024));
  for (
    const messages of [["text"], [1.5], [new ArrayBuffer(0), byte], flood]
  ) {
    const [near, far] = bare();
    for (const message of messages) far.postMessage(message);
    await assertRejects(
      async () => {
        for (;;) await near.write(new Uint8Array(WINDOW));
      },
      TransportError,
      "Cannot use a message port",
    );
    far.close();
    near.close();
  }
});

Deno.test("messagePortConnection() ends if a message cannot be deserialized", async () => {
  const { port1, port2 } = new MessageChannel();
  const connection = messagePortConnection(port1);
  const reading = connection.read(new Uint8Array(1));
  port1.dispatchEvent(new MessageEvent("messageerror"));
  const error = await assertRejects(() => reading, TransportError);
  assertEquals(error.code, "protocol");
  connection.close();
  port2.close();
});

Deno.test("messagePortConnection() rejects what is no port", () => {
  assertThrows(
    () => messagePortConnection({} as MessagePort), // possible from JavaScript
    TypeError,
    "expected a MessagePort",
  );
});
