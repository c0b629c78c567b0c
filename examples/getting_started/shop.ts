import { protocol, serverStream, unary } from "@lengthwise/lengthwise/browser";

/** The calls that clients may make; the server, page and test share it. */
export const Shop = protocol({
  name: "shop",
  server: {
    price: unary<{ sku: string }, { cents: number }>(),
    countdown: serverStream<{ from: number }, number>(),
  },
});
