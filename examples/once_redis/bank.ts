/**
 * The protocol that the servers and the clients share.
 *
 * @module
 */
import { protocol, unary } from "@lengthwise/lengthwise";

/** A payment to make. */
export interface Payment {
  /** Account to which the money goes. */
  to: string;
  /** Amount. */
  cents: number;
}

export const Bank = protocol({
  name: "bank",
  server: {
    /** Makes a payment and returns its receipt. */
    pay: unary<Payment, string>({ once: true }),
  },
});
