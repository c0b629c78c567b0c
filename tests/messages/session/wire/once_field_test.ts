import { assertEquals, assertThrows } from "@std/assert";
import { Feature } from "../../../../lib/messages/session/wire/features.ts";
import {
  EMPTY_FIELDS,
  Field,
  FIELDS_OF,
  onceFields,
  putFields,
  readFields,
  requestFields,
  textField,
} from "../../../../lib/messages/session/wire/fields.ts";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import {
  decodeOnce,
  decodeOutcomes,
  encodeOnce,
  encodeOutcomes,
  ONCE_LENGTH,
  type OnceField,
} from "../../../../lib/messages/session/wire/once_field.ts";

const pure = { permissions: "none" } as const;

const ONCE: OnceField = {
  client: "000102030405060708090a0b0c0d0eff",
  number: 2 ** 53 - 1,
  seen: 2 ** 33 + 7,
  created: 1_796_000_000_123,
  digest: "ab".repeat(32),
};

function read(fields: Uint8Array, features: number) {
  const bytes = new Uint8Array(2 + fields.length);
  putFields(bytes, 0, Infinity, fields);
  return readFields(bytes, 0, bytes.length, requestFields(features), 0);
}

Deno.test("encodeOnce() and decodeOnce() preserve every number", pure, () => {
  assertEquals(decodeOnce(encodeOnce(ONCE)), ONCE);
});

Deno.test(
  "decodeOnce() rejects other lengths, and numbers of 2^53 or more",
  pure,
  () => {
    for (const length of [0, ONCE_LENGTH - 1, ONCE_LENGTH + 1]) {
      assertThrows(() => decodeOnce(new Uint8Array(length)), MalformedError);
    }
    const bytes = encodeOnce(ONCE);
    bytes[17] = 0x20; // 2^53 and more in `number`
    assertThrows(() => decodeOnce(bytes), MalformedError, "2^53");
  },
);

Deno.test(
  "readFields() reads ONCE and KEY if the feature is in use",
  pure,
  () => {
    const found = read(onceFields(ONCE, "order-17"), Feature.ONCE);
    assertEquals(found, {
      ...EMPTY_FIELDS,
      held: 512,
      once: ONCE,
      key: "order-17",
    });
    assertEquals(requestFields(0), FIELDS_OF.REQUEST);
    assertEquals(read(textField(Field.KEY, "order-17"), 0), EMPTY_FIELDS);
  },
);

Deno.test(
  "readFields() rejects keys that are empty, too long or not text",
  pure,
  () => {
    assertEquals(
      read(onceFields(ONCE, "k".repeat(128)), Feature.ONCE).key.length,
      128,
    );
    for (const key of [[], new Array(129).fill(65), [0xff]]) {
      const fields = Uint8Array.from([Field.KEY, 0, key.length, ...key]);
      assertThrows(() => read(fields, Feature.ONCE), MalformedError);
    }
  },
);

Deno.test(
  "encodeOutcomes() and decodeOutcomes() preserve the time and the store",
  pure,
  () => {
    const outcomes = { time: 1_796_000_000_123, store: "redis-1" };
    assertEquals(decodeOutcomes(encodeOutcomes(outcomes)), outcomes);
    assertThrows(() => decodeOutcomes(new Uint8Array(8)), MalformedError);
  },
);
