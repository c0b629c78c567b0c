/**
 * The protocol and the values of the benchmarks.
 *
 * @module
 */
import {
  clientStream,
  duplex,
  notification,
  protocol,
  serverStream,
  unary,
} from "../../../mod.ts";

/** About 170 bytes as JSON. */
export const ORDER = {
  id: 184_467,
  customer: "c-20931",
  sku: "WIDGET-BLUE-42",
  quantity: 3,
  price: 1299,
  currency: "EUR",
  tags: ["priority", "gift"],
  address: { city: "Lisbon", zip: "1100-148" },
  paid: true,
};

/** The input and output of a call. */
export type Order = typeof ORDER;

/** About 100 bytes as JSON. */
export const ITEM = {
  id: 184_467,
  sku: "WIDGET-BLUE-42",
  quantity: 3,
  price: 1299,
  currency: "EUR",
  paid: true,
  note: "gift",
};

/** An item of a stream. */
export type Item = typeof ITEM;

/** Length of an item of bytes. */
export const CHUNK = 64 * 1024;

/** Yields an item so many times. */
export function* repeat<T>(item: T, count: number): Generator<T, void> {
  for (let at = 0; at < count; at++) yield item;
}

/** Everything that the rows call. */
export const Bench = protocol({
  name: "bench",
  server: {
    echo: unary<Order, Order>(),
    down: serverStream<number, Item>(),
    up: clientStream<Item, number>(),
    both: duplex<Item, Item>(),
    bytesDown: serverStream<number, Uint8Array>(),
    bytesUp: clientStream<Uint8Array, number>(),
  },
});

/** Subscribers of a broadcast. */
export const Fan = protocol({
  name: "fan",
  client: { message: notification<Item>() },
});
