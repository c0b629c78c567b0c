/**
 * What both sides of the demonstration speak.
 *
 * @module
 */
import {
  notification,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";

/** A price at one moment. */
export interface Quote {
  /** What is sold. */
  sku: string;
  /** Its price. */
  cents: number;
}

/** What the client may ask of the server, and the server of the client. */
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
