import { Buffer } from "node:buffer";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  decodeEnvelope,
  encodeEnvelope,
  type Envelope,
  numberEnvelope,
} from "../../../lib/messages/bus/envelope.ts";
import { toHex } from "../../../lib/messages/support/hex.ts";
import { seededRandom } from "../../../lib/support/seeded_random.ts";
import { TIMES } from "../../times.ts";

const pure = { permissions: "none" } as const;

const MESSAGE: Envelope = {
  origin: "00112233445566ff",
  epoch: 2 ** 53 - 1,
  number: 7,
  codec: "json",
  method: "chat.said",
  key: "é",
  body: Uint8Array.of(1, 2, 3),
};

Deno.test("encodeEnvelope() has the documented form", pure, () => {
  assertEquals(
    toHex(encodeEnvelope(MESSAGE)),
    "0100" + "00112233445566ff" + "001fffffffffffff" + "0000000000000007" +
      "046a736f6e" + "0009636861742e73616964" + "0006" + "01000300c3a9" +
      "010203",
  );
});

Deno.test(
  "decodeEnvelope() returns what was encoded, with a copy of the body",
  pure,
  () => {
    for (const key of ["", "k", 0, -1.5, undefined, "x".repeat(1_024)]) {
      const bytes = encodeEnvelope({ ...MESSAGE, key });
      const decoded = decodeEnvelope(bytes);
      const fromBuffer = decodeEnvelope(Buffer.from(bytes.buffer));
      bytes.fill(0);
      assertEquals(decoded, { ...MESSAGE, key });
      assertEquals(fromBuffer, { ...MESSAGE, key });
    }
  },
);

Deno.test("numberEnvelope() sets epoch and number", pure, () => {
  const bytes = encodeEnvelope(MESSAGE);
  numberEnvelope(bytes, { epoch: 5, number: 2 ** 40 });
  assertEquals(decodeEnvelope(bytes), {
    ...MESSAGE,
    epoch: 5,
    number: 2 ** 40,
  });
});

Deno.test(
  "encodeEnvelope() rejects names and keys that are too long",
  pure,
  () => {
    const long = "é".repeat(513);
    assertThrows(() => encodeEnvelope({ ...MESSAGE, key: long }), RangeError);
    const codec = "c".repeat(33);
    assertThrows(() => encodeEnvelope({ ...MESSAGE, codec }), RangeError);
    const method = "m".repeat(129);
    assertThrows(() => encodeEnvelope({ ...MESSAGE, method }), RangeError);
  },
);

Deno.test("decodeEnvelope() ignores unknown flags and fields", pure, () => {
  const bytes = encodeEnvelope({ ...MESSAGE, key: undefined });
  bytes[1] = 0xff;
  const at = bytes.length - MESSAGE.body.length;
  const fields = Uint8Array.of(0, 5, 9, 0, 2, 8, 8); // type 9, 2 bytes
  const extended = new Uint8Array(bytes.length + 5);
  extended.set(bytes.subarray(0, at - 2));
  extended.set(fields, at - 2);
  extended.set(MESSAGE.body, at + 5);
  assertEquals(decodeEnvelope(extended), { ...MESSAGE, key: undefined });
});

Deno.test("decodeEnvelope() counts another version apart", pure, () => {
  const bytes = encodeEnvelope(MESSAGE);
  bytes[0] = 2;
  assertEquals(decodeEnvelope(bytes), "version");
  assertEquals(decodeEnvelope(new Uint8Array()), "malformed");
});

Deno.test(
  "decodeEnvelope() rejects what is cut, unnumbered or not UTF-8",
  pure,
  () => {
    const bytes = encodeEnvelope(MESSAGE);
    const head = bytes.length - MESSAGE.body.length;
    for (let length = 0; length < head; length++) {
      assertEquals(decodeEnvelope(bytes.subarray(0, length)), "malformed");
    }
    const numbered = (epoch: bigint, number: bigint) => {
      const copy = bytes.slice();
      const view = new DataView(copy.buffer);
      view.setBigUint64(10, epoch);
      view.setBigUint64(18, number);
      return decodeEnvelope(copy);
    };
    assertEquals(numbered(1n, 0n), "malformed");
    assertEquals(numbered(2n ** 53n, 1n), "malformed");
    assertEquals(numbered(1n, 2n ** 64n - 1n), "malformed");
    const invalid = bytes.slice();
    invalid[27] = 0xff; // in the name of the codec
    assertEquals(decodeEnvelope(invalid), "malformed");
  },
);

// For any bytes, decodeEnvelope() returns an envelope within its bounds, or a fault.
Deno.test("decodeEnvelope() never throws", pure, () => {
  const random = seededRandom(1);
  const bytes = encodeEnvelope(MESSAGE);
  for (let run = 0; run < 2_000 * TIMES; run++) {
    const copy = bytes.slice(0, 1 + Math.floor(random() * bytes.length));
    for (let n = 0; n < 3; n++) {
      const at = Math.floor(random() * copy.length);
      if (at > 0) copy[at] = Math.floor(random() * 256);
    }
    const decoded = decodeEnvelope(copy);
    if (typeof decoded === "string") continue;
    assert(Number.isSafeInteger(decoded.number) && decoded.number >= 1);
    assert(Number.isSafeInteger(decoded.epoch));
    assert(decoded.codec.length <= 32 && decoded.method.length <= 128);
    assert(decoded.body.length <= copy.length - 31);
  }
});
