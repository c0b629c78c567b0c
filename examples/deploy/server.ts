#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A server that `main.ts` starts and stops. It prints its port, and at the end
 * the number of payments that it has handled.
 *
 * @module
 */
import { serve } from "@lengthwise/lengthwise";
import { Bank } from "./bank.ts";

let payments = 0;
const [port = "0", shared] = Deno.args;
const server = await serve(Bank, { port: Number(port) }, {
  transport: shared === "shared" ? { reusePort: true } : {},
}).handle({
  pay: async () => {
    payments++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  },
});
Deno.addSignalListener("SIGTERM", () => server.shutdown({ grace: 10_000 }));
console.log(server.addr.port);
await server.finished;
console.log(payments);
