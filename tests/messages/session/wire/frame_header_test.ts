import { assertEquals } from "@std/assert";
import {
  getU16,
  getU32,
  getU48,
  MAX_ID,
  putHeader,
  putU16,
  putU32,
  putU48,
  readId,
} from "../../../../lib/messages/session/wire/frame_header.ts";

const pure = { permissions: "none" } as const;

Deno.test("putHeader() writes kind, flags and a big-endian u48", pure, () => {
  const bytes = new Uint8Array(10);
  putHeader(bytes, 1, 0x10, 0x81, 0x0102_0304_0506);
  assertEquals([...bytes], [0, 0x10, 0x81, 1, 2, 3, 4, 5, 6, 0]);
  assertEquals(readId(bytes.subarray(1)), 0x0102_0304_0506);
});

Deno.test(
  "putU16(), putU32() and putU48() write their highest values",
  pure,
  () => {
    const bytes = new Uint8Array(8);
    putU16(bytes, 1, 0xffff);
    assertEquals(getU16(bytes, 1), 0xffff);
    putU32(bytes, 1, 0xffff_ffff);
    assertEquals(getU32(bytes, 1), 0xffff_ffff);
    putU48(bytes, 1, MAX_ID);
    assertEquals(getU48(bytes, 1), MAX_ID);
    assertEquals([bytes[0], bytes[7]], [0, 0]);
  },
);
