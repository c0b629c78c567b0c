import { assert, assertEquals } from "@std/assert";
import { doubleMarks } from "../../../lib/messages/codec/byte_order_mark.ts";
import { hex, toHex } from "./hex.ts";

const PURE = { permissions: "none" } as const;

Deno.test(
  "doubleMarks() without strings returns a view of the same memory",
  PURE,
  () => {
    const body = hex("ff0102").subarray(1);
    const view = doubleMarks(body, []);
    assertEquals(view, body);
    assert(view !== body && view.buffer === body.buffer);
  },
);

Deno.test(
  "doubleMarks() doubles each mark and changes nothing else",
  PURE,
  () => {
    const body = hex("93 a6efbbbf616263 c0 d904efbbbf64");
    const strings = [{ header: 1, start: 2, end: 8 }, {
      header: 9,
      start: 11,
      end: 15,
    }];
    assertEquals(
      toHex(doubleMarks(body, strings)),
      toHex(hex("93 db00000009efbbbfefbbbf616263 c0 db00000007efbbbfefbbbf64")),
    );
    assertEquals(toHex(body), "93a6efbbbf616263c0d904efbbbf64");
  },
);
