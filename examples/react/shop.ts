/**
 * The protocol that the server and the page share.
 *
 * @module
 */
import { protocol, serverStream, unary } from "@lengthwise/lengthwise/browser";

export const Shop = protocol({
  name: "shop",
  server: {
    price: unary<{ sku: string }, number>({ idempotent: true }),
    stock: serverStream<{ sku: string }, number>(),
  },
});
