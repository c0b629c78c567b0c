import { assertEquals, assertThrows } from "@std/assert";
import { MalformedError } from "../../../../lib/messages/session/wire/malformed_error.ts";
import {
  decodeSchemaEntry,
  describedLength,
  type DescribedMethod,
  encodeSchemaEntry,
} from "../../../../lib/messages/session/wire/schema_entry.ts";

const pure = { permissions: "none" } as const;

const METHODS: DescribedMethod[] = [
  {
    caller: "client",
    method: 258,
    shape: "duplex",
    schemas: Uint8Array.of(123, 125),
  },
  {
    caller: "server",
    method: 0,
    shape: "notification",
    schemas: new Uint8Array(),
  },
];
const BYTES = [0, 1, 2, 4, 0, 2, 123, 125, 1, 0, 0, 1, 0, 0];

Deno.test(
  "encodeSchemaEntry() and decodeSchemaEntry() preserve everything",
  pure,
  () => {
    assertEquals([...encodeSchemaEntry(METHODS)], BYTES);
    assertEquals(decodeSchemaEntry(Uint8Array.from(BYTES), 1), METHODS);
    assertEquals(decodeSchemaEntry(undefined, 1), []);
    assertEquals(METHODS.map(describedLength), [8, 6]);
  },
);

Deno.test(
  "decodeSchemaEntry() rejects truncation except between methods",
  pure,
  () => {
    for (let end = 1; end < BYTES.length; end++) {
      const bytes = Uint8Array.from(BYTES.slice(0, end));
      if (end === 8) assertEquals(decodeSchemaEntry(bytes, 1).length, 1);
      else {assertThrows(
          () => decodeSchemaEntry(bytes, 1),
          MalformedError,
          "truncated",
        );}
    }
  },
);

Deno.test(
  "decodeSchemaEntry() skips callers and shapes of later versions, and copies its input",
  pure,
  () => {
    const bytes = Uint8Array.from([9, ...BYTES.slice(1, 8), ...BYTES]);
    const read = decodeSchemaEntry(bytes, 9);
    bytes.fill(0);
    assertEquals(read, METHODS);
    const shape = Uint8Array.from(BYTES);
    shape[3] = 77;
    assertEquals(decodeSchemaEntry(shape, 9), METHODS.slice(1));
  },
);

Deno.test(
  "decodeSchemaEntry() rejects more methods than both lists may have",
  pure,
  () => {
    const bytes = Uint8Array.from([...BYTES, ...BYTES]);
    assertEquals(decodeSchemaEntry(bytes, 2).length, 4);
    assertThrows(
      () => decodeSchemaEntry(bytes, 1),
      MalformedError,
      "more than 1",
    );
  },
);
