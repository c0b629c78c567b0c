import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import {
  KeyOrders,
  type OrderedKey,
} from "../../../lib/messages/codec/key_orders.ts";

const PURE = { permissions: "none" } as const;
const HELD = 100;

/** Returns a key with a header of one byte, as in a body. */
function token(key: string): Uint8Array {
  const text = new TextEncoder().encode(key);
  return Uint8Array.of(0xa0 | text.length, ...text);
}

function learn(orders: KeyOrders, key: string, before?: OrderedKey): void {
  const bytes = token(key);
  orders.learn(before, bytes, 0, bytes.length, key, HELD);
}

function find(
  orders: KeyOrders,
  key: string,
  before?: OrderedKey,
): OrderedKey | undefined {
  return orders.find(before, token(key), 0);
}

/** Lets a key be met twice, and returns it. */
function known(orders: KeyOrders, key: string, before?: OrderedKey) {
  learn(orders, key, before);
  learn(orders, key, before);
  const found = find(orders, key, before);
  assert(found !== undefined, key);
  return found;
}

Deno.test(
  "a key is known after it was met twice in the same order",
  PURE,
  () => {
    const orders = new KeyOrders();
    learn(orders, "id");
    assertEquals(find(orders, "id"), undefined);
    const id = known(orders, "id");
    learn(orders, "name", id);
    assertEquals(find(orders, "name", id), undefined);
    const name = known(orders, "name", id);
    assertEquals([name.keys, name.held], [["id", "name"], HELD]);
    assertEquals(find(orders, "name"), undefined);
    assertEquals(find(orders, "i"), undefined);
    assertEquals(find(orders, "idx"), undefined);
  },
);

Deno.test(
  "create() returns a new object with the keys in their order",
  PURE,
  () => {
    const orders = new KeyOrders();
    const last = known(orders, "a", known(orders, "b"));
    const object = last.create();
    assertEquals(Object.keys(object), ["b", "a"]);
    assertEquals(Object.getPrototypeOf(object), Object.prototype);
    object["a"] = 1;
    assertNotStrictEquals(last.create(), object);
    assertEquals(last.create()["a"], null);
  },
);

Deno.test(
  "keys of up to 64 bytes with their headers are remembered",
  PURE,
  () => {
    const orders = new KeyOrders();
    for (const size of [64, 65]) {
      const bytes = new Uint8Array(size).fill(0x61);
      bytes.set([0xd9, size - 2]);
      const key = "a".repeat(size - 2);
      orders.learn(undefined, bytes, 0, size, key, HELD);
      orders.learn(undefined, bytes, 0, size, key, HELD);
      assertEquals(orders.find(undefined, bytes, 0) !== undefined, size === 64);
    }
  },
);

Deno.test("at most 8 keys are remembered after the same one", PURE, () => {
  const orders = new KeyOrders();
  const id = known(orders, "id");
  for (let key = 0; key < 12; key++) {
    learn(orders, `k${key}`, id);
    learn(orders, `k${key}`, id);
  }
  assertEquals(id.following.length, 8);
  assert(find(orders, "k7", id) !== undefined);
  assertEquals(find(orders, "k8", id), undefined);
});

Deno.test(
  "beyond 1,024 keys, all are forgotten and learned again",
  PURE,
  () => {
    const orders = new KeyOrders();
    let last = known(orders, "first");
    let count = 1;
    for (let row = 0; count < 1024; row++) {
      const before = last;
      for (let column = 0; column < 8 && count < 1024; column++, count++) {
        last = known(orders, `${row}.${column}`, before);
      }
    }
    assert(find(orders, "first") !== undefined);
    learn(orders, "more", last);
    learn(orders, "more", last);
    assertEquals(find(orders, "first"), undefined);
    known(orders, "first");
  },
);
