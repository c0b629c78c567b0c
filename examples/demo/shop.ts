/**
 * The demo's protocol.
 *
 * @module
 */
import {
  notification,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";

/** The price at one moment. */
export interface Quote {
  /** Identifier of the product. */
  sku: string;
  /** Price of the product in cents. */
  cents: number;
}

/** The methods that the server and the client serve. */
export const Shop = protocol({
  name: "shop",
  server: {
    price: unary<{ sku: string }, { cents: number }>(),
    order: unary<
      { sku: string; count: number },
      { total: number },
      { outOfStock: { left: number } }
    >(),
    watch: serverStream<{ sku: string }, Quote>(),
    log: notification<string>(),
  },
  client: { alert: notification<string>() },
});
