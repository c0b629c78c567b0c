import { assertEquals } from "@std/assert";
import {
  CREDIT,
  decodeDial,
  decodeFrame,
  decodeOpening,
  decodeUint32,
  encodeDial,
  encodeFrame,
  encodeOpening,
  encodeUint32,
} from "../../lib/nats/stream_frame.ts";

const pure = { permissions: "none" } as const;

Deno.test("frames have a kind, a number of 48 bits and a payload", pure, () => {
  const bytes = encodeFrame(CREDIT, 2 ** 32 + 258, encodeUint32(65_536));
  assertEquals([...bytes], [4, 0, 1, 0, 0, 1, 2, 0, 1, 0, 0]);
  const frame = decodeFrame(bytes);
  assertEquals([frame?.kind, frame?.number], [CREDIT, 2 ** 32 + 258]);
  assertEquals(decodeUint32(frame?.payload ?? new Uint8Array()), 65_536);
  const last = decodeFrame(encodeFrame(0, 2 ** 48 - 1));
  assertEquals(last?.number, 2 ** 48 - 1);
  for (let length = 0; length < 7; length++) {
    assertEquals(decodeFrame(bytes.subarray(0, length)), undefined);
  }
  assertEquals(decodeUint32(bytes.subarray(0, 3)), undefined);
});

Deno.test("dials and openings are decoded as they were encoded", pure, () => {
  const nonce = "00112233445566778899aabbccddeeff";
  const dial = { version: 1, nonce, window: 8_192, largest: 2 ** 20 };
  const bytes = encodeDial(dial);
  assertEquals(bytes.length, 25);
  assertEquals(decodeDial(bytes), dial);
  // Later versions may append fields.
  assertEquals(decodeDial(Uint8Array.of(...bytes, 9)), dial);
  assertEquals(decodeDial(bytes.subarray(0, 24)), undefined);
  const opening = {
    ...{ version: 1, window: 8_192, largest: 65_536 },
    subject: "lw.shop.0011.2233",
  };
  assertEquals(decodeOpening(encodeOpening(opening)), opening);
  assertEquals(decodeOpening(new Uint8Array(9)), undefined);
});
