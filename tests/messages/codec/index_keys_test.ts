import { assert, assertEquals } from "@std/assert";
import {
  emptyObject,
  indexAt,
  isIndex,
  makeSparse,
} from "../../../lib/messages/codec/index_keys.ts";

const PURE = { permissions: "none" } as const;
const utf8 = new TextEncoder();

Deno.test("indexAt() and isIndex() find array indices only", PURE, () => {
  for (const index of [0, 1, 9, 10, 999, 4_294_967_294]) {
    const key = String(index);
    const bytes = utf8.encode(`"${key}"`);
    assertEquals(indexAt(bytes, 1, bytes.length - 1), index);
    assert(isIndex(key), key);
  }
  const others = ["", "00", "01", "-1", "1.5", "1e3", "a", "1a", "4294967295"];
  for (const key of [...others, "10000000000", " 1", "１"]) {
    const bytes = utf8.encode(`"${key}"`);
    assertEquals(indexAt(bytes, 1, bytes.length - 1), -1, key);
    assert(!isIndex(key), key);
  }
});

Deno.test("sparse and empty objects are plain objects", PURE, () => {
  const object = emptyObject();
  makeSparse(object);
  assertEquals(Object.getPrototypeOf(object), Object.prototype);
  assertEquals(object.constructor, Object);
  assertEquals(Reflect.ownKeys(object), []);
  object["999"] = 1;
  object["7"] = 2;
  object.name = 3;
  assertEquals(Object.entries(object), [["7", 2], ["999", 1], ["name", 3]]);
  assertEquals(structuredClone(object), { 7: 2, 999: 1, name: 3 });
});
