/**
 * The protocol of the service, with that of its health.
 *
 * @module
 */
import {
  mergeProtocols,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import { Health } from "@lengthwise/lengthwise/health";

export const Shop = mergeProtocols(
  protocol({
    name: "shop",
    server: {
      price: unary<{ sku: string }, { cents: number }>(),
      watch: serverStream<{ sku: string }, number>(),
    },
  }),
  Health,
);
