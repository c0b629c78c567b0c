/**
 * The WebSocket server of the example against Deno's client, and against frames
 * that a client need not send.
 *
 * @module
 */
import { listen } from "@lengthwise/lengthwise/transport";
import { checkFraming, memoryPair } from "@lengthwise/lengthwise/testing";
import { frames } from "@lengthwise/lengthwise/framing";
import { readExactly } from "@lengthwise/lengthwise/transport";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { echo, webSocket } from "../../examples/websocket/echo.ts";

/** The request of RFC 6455, 1.3. */
const REQUEST = "GET / HTTP/1.1\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/** The response, without what varies. */
const RESPONSE = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
  "Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

Deno.test("the WebSocket example's framing passes checkFraming()", () => {
  const samples = ["810548656c6c6f", "818537fa213d7f9f4d5158", "8900"]
    .map((hex) => Uint8Array.fromHex(hex));
  const long = new Uint8Array(4 + 200).fill(97);
  long.set([0x82, 126, 0, 200]);
  checkFraming(webSocket, [...samples, long]);
});

Deno.test("the WebSocket example sends messages of all lengths back to Deno's client", async () => {
  await using listener = await listen({ port: 0 });
  const serving = listener.accept().then(echo);
  const socket = new WebSocket(`ws://127.0.0.1:${listener.addr.port}`);
  socket.binaryType = "arraybuffer";
  await new Promise((resolve) => socket.onopen = resolve);
  const sent = [0, 1, 125, 126, 65_535, 65_536, 1_000_000]
    .map((length) => new Uint8Array(length).fill(length));
  const received: string[] = [];
  const all = new Promise<void>((resolve) => {
    socket.onmessage = ({ data }) => {
      received.push(typeof data === "string" ? data : `${data.byteLength}`);
      if (received.length === sent.length + 1) resolve();
    };
  });
  for (const message of sent) socket.send(message);
  socket.send("Grüße");
  await all;
  assertEquals(received, [...sent.map(({ length }) => `${length}`), "Grüße"]);
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  socket.close(4000, "enough");
  const { code, reason } = await closed;
  assertEquals([code, reason], [4000, "enough"]);
  await serving;
});

Deno.test("the WebSocket example rejects frames that are not valid", async () => {
  const invalid = {
    "8100": "no mask",
    "c180": "not valid", // an extension
    "8380": "not valid", // unknown opcodes
    "8b80": "not valid",
    "0980": "not valid", // PING of several frames
    "89fe007e": "not valid", // a long PING
  };
  for (const [hex, message] of Object.entries(invalid)) {
    const [near, far] = memoryPair();
    const serving = assertRejects(() => echo(far), Error, message);
    await near.write(new TextEncoder().encode(REQUEST));
    const frame = new Uint8Array(200);
    frame.set(Uint8Array.fromHex(hex));
    await near.write(frame);
    await near.closeWrite();
    await serving;
    near.close();
  }
});

Deno.test("the WebSocket example answers PING between fragments and refuses others", async () => {
  const [near, far] = memoryPair();
  const serving = echo(far);
  await near.write(new TextEncoder().encode(REQUEST));
  const response = new Uint8Array(RESPONSE.length);
  await readExactly(near, response);
  assertEquals(new TextDecoder().decode(response), RESPONSE);
  await using client = frames(near, webSocket());
  const zero = "00000000"; // a mask
  const ask = async (hex: string) => {
    await client.send(Uint8Array.fromHex(hex));
    return (await client.read())?.toHex();
  };
  assertEquals(await ask(`0182${zero}6869`), "01026869"); // not the last one
  assertEquals(await ask(`8981${zero}2a`), "8a012a"); // PING
  await client.send(Uint8Array.fromHex(`8a80${zero}`)); // PONG has no reply
  assertEquals(await ask(`80810102030460`), "800161"); // masked
  await client.send(Uint8Array.fromHex("8100")); // without a mask
  await assertRejects(() => serving, Error, "no mask");
  const [other, server] = memoryPair();
  await other.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await echo(server);
  const refusal = new Uint8Array(24);
  await readExactly(other, refusal);
  assertStringIncludes(new TextDecoder().decode(refusal), "400 Bad Request");
});
