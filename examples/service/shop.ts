/**
 * The protocol that the server and the client share.
 *
 * @module
 */
import { protocol, unary } from "@lengthwise/lengthwise";

export const Shop = protocol({
  name: "shop",
  server: { price: unary<{ sku: string }, { cents: number }>() },
});
