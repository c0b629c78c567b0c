/**
 * The protocol that the program and its worker share.
 *
 * @module
 */
import { protocol, serverStream, unary } from "@lengthwise/lengthwise";

export const Primes = protocol({
  name: "primes",
  server: {
    count: unary<{ below: number }, number>(),
    list: serverStream<{ from: number }, number>(),
  },
});
