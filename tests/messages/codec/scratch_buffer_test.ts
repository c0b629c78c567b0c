import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import {
  acquireScratch,
  releaseScratch,
} from "../../../lib/messages/codec/scratch_buffer.ts";

const PURE = { permissions: "none" } as const;

Deno.test(
  "acquireScratch() returns a released buffer to one caller at a time",
  PURE,
  () => {
    const first = acquireScratch(100);
    const second = acquireScratch(100);
    assertNotStrictEquals(first.buffer, second.buffer);
    releaseScratch(second);
    assert(acquireScratch(100) === second);
  },
);

Deno.test(
  "acquireScratch() returns enough, and releaseScratch() keeps no large buffer",
  PURE,
  () => {
    releaseScratch(new Uint8Array(10));
    assert(acquireScratch(11).length >= 11);
    const large = acquireScratch(5 * 1024 * 1024);
    assert(large.length >= 5 * 1024 * 1024);
    releaseScratch(large);
    assert(acquireScratch(1).length < 1024 * 1024);
  },
);

Deno.test(
  "acquireScratch() does not clear the buffer",
  PURE,
  () => {
    const used = acquireScratch(8).fill(7);
    releaseScratch(used);
    assertEquals(acquireScratch(8)[0], 7);
  },
);
