/**
 * The worker: serves the program that started it.
 *
 * @module
 */
import { createServer } from "@lengthwise/lengthwise";
import { messagePortConnection } from "@lengthwise/lengthwise/transport";
import { Primes } from "./primes.ts";

function isPrime(n: number): boolean {
  for (let d = 2; d * d <= n; d++) if (n % d === 0) return false;
  return n > 1;
}

const server = createServer(Primes).handle({
  count({ below }) {
    let count = 0;
    for (let n = 2; n < below; n++) if (isPrime(n)) count++;
    return count;
  },
  async *list({ from }) {
    for (let n = from;; n++) if (isPrime(n)) yield n;
  },
});
// Before the first `await`, so that no message is lost.
server.accept(messagePortConnection());
