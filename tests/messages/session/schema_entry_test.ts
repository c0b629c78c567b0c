import { assertEquals, assertThrows } from "@std/assert";
import { MalformedError } from "../../../lib/messages/session/malformed.ts";
import {
  decodeSchemaEntry,
  describedLength,
  type DescribedMethod,
  encodeSchemaEntry,
} from "../../../lib/messages/session/schema_entry.ts";

const pure = { permissions: "none" } as const;

const METHODS: DescribedMethod[] = [
  {
    caller: "dialler",
    method: 258,
    shape: "duplex",
    schemas: Uint8Array.of(123, 125),
  },
  {
    caller: "listener",
    method: 0,
    shape: "notification",
    schemas: new Uint8Array(),
  },
];
const BYTES = [0, 1, 2, 4, 0, 2, 123, 125, 1, 0, 0, 1, 0, 0];

Deno.test(
  "encodeSchemaEntry() and decodeSchemaEntry() keep everything",
  pure,
  () => {
    assertEquals([...encodeSchemaEntry(METHODS)], BYTES);
    assertEquals(decodeSchemaEntry(Uint8Array.from(BYTES)), METHODS);
    assertEquals(decodeSchemaEntry(undefined), []);
    assertEquals(METHODS.map(describedLength), [8, 6]);
  },
);

Deno.test(
  "decodeSchemaEntry() refuses every cut but those between methods",
  pure,
  () => {
    for (let end = 1; end < BYTES.length; end++) {
      const bytes = Uint8Array.from(BYTES.slice(0, end));
      if (end === 8) assertEquals(decodeSchemaEntry(bytes).length, 1);
      else assertThrows(() => decodeSchemaEntry(bytes), MalformedError, "cut");
    }
  },
);

Deno.test(
  "decodeSchemaEntry() passes over callers and shapes of later versions, and keeps no view of what it reads",
  pure,
  () => {
    const bytes = Uint8Array.from([9, ...BYTES.slice(1, 8), ...BYTES]);
    const read = decodeSchemaEntry(bytes);
    bytes.fill(0);
    assertEquals(read, METHODS);
    const shape = Uint8Array.from(BYTES);
    shape[3] = 77;
    assertEquals(decodeSchemaEntry(shape), METHODS.slice(1));
  },
);
