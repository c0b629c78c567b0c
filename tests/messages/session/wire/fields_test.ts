import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  attemptField,
  EMPTY_FIELDS,
  Field,
  FIELDS_OF,
  fieldsEnd,
  type ItemFields,
  itemFields,
  MalformedError,
  metadataField,
  NO_FIELDS,
  putFields,
  readFields,
  resumeField,
  textField,
  traceField,
  u32Field,
  UnknownFieldError,
} from "../../../../lib/messages/session/wire/fields.ts";
import { concat } from "@std/bytes/concat";

const pure = { permissions: "none" } as const;

function block(timeout: number, fields: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20 + fields.length);
  return bytes.subarray(0, putFields(bytes, 0, timeout, fields));
}

const TRACE = {
  traceparent: `00-${"0a".repeat(16)}-${"0b".repeat(8)}-01`,
  tracestate: "a=b",
};

const ITEM: Required<ItemFields> = {
  position: { epoch: 1, number: 2 ** 53 - 1 },
  gap: { from: 5, to: 9, reason: "slow" },
  joined: { epoch: 1, head: 12, recovered: true },
};

function read(bytes: Uint8Array, limit = 100) {
  return readFields(
    bytes,
    0,
    fieldsEnd(bytes, 0),
    Object.values(Field),
    limit,
  );
}

Deno.test("putFields() and readFields() preserve every field", pure, () => {
  const fields = concat([
    metadataField({ a: "b" }, 100),
    attemptField(3),
    traceField(TRACE),
    textField(Field.MESSAGE, "m"),
    textField(Field.INCIDENT, "i"),
    textField(Field.DECLARED, "d"),
    u32Field(Field.RETRY_AFTER, 7),
    u32Field(Field.SPREAD, 8),
    itemFields(ITEM),
    resumeField({ epoch: 3, number: 4 }),
    textField(0x7f, "of a later version"),
  ]);
  const found = read(block(5, fields));
  assertEquals(
    { ...found, metadata: { ...found.metadata } },
    {
      timeout: 5,
      metadata: { a: "b" },
      attempt: 3,
      held: 128 + 5 + 80 + 256 + 538,
      trace: traceField(TRACE).subarray(3),
      message: "m",
      incident: "i",
      declared: "d",
      retryAfter: 7,
      spread: 8,
      once: undefined,
      key: "",
      ...ITEM,
      resumeFrom: { epoch: 3, number: 4 },
    },
  );
  assertStrictEquals(read(block(Infinity, NO_FIELDS)), EMPTY_FIELDS);
});

Deno.test("putFields() rounds time up and does not overflow", pure, () => {
  assertEquals(read(block(0.2, NO_FIELDS)).timeout, 1);
  assertEquals(read(block(-4, NO_FIELDS)).timeout, 0);
  assertEquals(read(block(2 ** 40, NO_FIELDS)).timeout, 2 ** 32 - 1);
});

Deno.test(
  "readFields() rejects truncated fields, wrong numbers and too much metadata",
  pure,
  () => {
    const whole = block(5, metadataField({ a: "b" }, 100));
    for (let end = 0; end < whole.length; end++) {
      assertThrows(() => fieldsEnd(whole.subarray(0, end), 0), MalformedError);
    }
    for (let size = 1; size < whole.length - 2; size++) {
      if (size === 7) continue; // only the deadline
      const cut = whole.slice(0, 2 + size);
      cut[1] = size;
      assertThrows(() => read(cut), MalformedError);
    }
    assertThrows(
      () => read(Uint8Array.of(0, 4, 1, 0, 1, 9)),
      MalformedError,
      "4 bytes",
    );
    assertThrows(
      () => read(whole, 4),
      MalformedError,
      "the metadata has 5 bytes; at most 4 are accepted",
    );
  },
);

Deno.test(
  "readFields() skips fields that the message may not have, whatever their content",
  pure,
  () => {
    const cut = [Field.RETRY_AFTER, 0, 1, 7]; // a u32 of one byte
    const bytes = Uint8Array.from([0, cut.length, ...cut]);
    assertThrows(() => read(bytes), MalformedError);
    for (const types of [FIELDS_OF.REQUEST, FIELDS_OF.NOTIFY]) {
      assertEquals(readFields(bytes, 0, bytes.length, types, 0), EMPTY_FIELDS);
    }
  },
);

Deno.test(
  "readFields() rejects critical fields that it may not skip",
  pure,
  () => {
    for (const type of [0x80, 0xff]) {
      const fields = block(Infinity, textField(type, ""));
      const readRequest = () =>
        readFields(fields, 0, fields.length, FIELDS_OF.REQUEST, 0);
      assertThrows(readRequest, UnknownFieldError, `field ${type}`);
    }
    assertEquals(read(block(5, textField(0x7f, "x"))).timeout, 5);
  },
);

Deno.test(
  "an attempt is at most 255, and any length of the field will do",
  pure,
  () => {
    assertEquals(read(block(Infinity, attemptField(255))).attempt, 255);
    assertEquals(read(block(Infinity, attemptField(1000))).attempt, 255);
    for (const bytes of [[], [0], [2, 9]]) {
      const field = Uint8Array.of(Field.ATTEMPT, 0, bytes.length, ...bytes);
      assertEquals(read(block(Infinity, field)).attempt, bytes[0] ?? 0);
    }
  },
);
Deno.test("itemFields() writes only the fields that an item has", pure, () => {
  const { position, gap, joined } = ITEM;
  for (
    const fields of [{ position }, { position, gap }, { position, joined }]
  ) {
    assertEquals(read(block(Infinity, itemFields(fields))), {
      ...EMPTY_FIELDS,
      ...fields,
    });
  }
});

Deno.test("FIELDS_OF lists critical fields for REQUEST only", pure, () => {
  for (const [message, types] of Object.entries(FIELDS_OF)) {
    const critical = types.filter((type) => type >= 0x80);
    if (message !== "REQUEST") assertEquals([message, critical], [message, []]);
  }
});

Deno.test("readFields() keeps a TRACE of up to 538 bytes", pure, () => {
  const read = (length: number) => {
    const value = new Uint8Array(length).fill(1);
    const bytes = block(
      Infinity,
      concat(
        [[Field.TRACE, length >> 8, length & 255], value].map((part) =>
          Uint8Array.from(part)
        ),
      ),
    );
    return readFields(bytes, 0, fieldsEnd(bytes, 0), FIELDS_OF.REQUEST, 100)
      .trace?.length;
  };
  assertEquals([read(0), read(538), read(539)], [0, 538, undefined]);
});

Deno.test("readFields() takes each field for itself", pure, () => {
  const read = (...fields: Uint8Array[]) => {
    const bytes = block(Infinity, concat(fields));
    const { timeout, attempt, trace, metadata } = readFields(
      bytes,
      0,
      fieldsEnd(bytes, 0),
      FIELDS_OF.REQUEST,
      100,
    );
    return [timeout, attempt, trace?.length, { ...metadata }];
  };
  assertEquals(read(attemptField(3)), [Infinity, 3, undefined, {}]);
  assertEquals(read(u32Field(Field.DEADLINE, 7)), [7, 0, undefined, {}]);
  assertEquals(read(traceField(TRACE)), [Infinity, 0, 29, {}]);
  assertEquals(read(metadataField({ k: "v" }, 100)), [Infinity, 0, undefined, {
    k: "v",
  }]);
});
