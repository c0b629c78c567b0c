/**
 * A server of the fleet. It prints its port; after SIGTERM, it drains its
 * sessions and prints the ids of the calls whose handlers were entered.
 *
 * Arguments: the port (0 for any), and `reuse` to share the port.
 *
 * @module
 */
import { serve } from "@lengthwise/lengthwise";
import { Fleet, ITEMS } from "./fleet.ts";

const entered: string[] = [];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const [port, reuse] = Deno.args;
const server = await serve(
  Fleet,
  { hostname: "127.0.0.1", port: Number(port) },
  { transport: reuse === "reuse" ? { reusePort: true } : {} },
).handle({
  async pay({ id }) {
    entered.push(id);
    await pause(20);
  },
  async *quotes({ id }) {
    entered.push(id);
    for (let item = 0; item < ITEMS; item++) {
      yield item;
      await pause(20);
    }
  },
  async upload(items, { opening }) {
    entered.push(opening.id);
    let sum = 0;
    for await (const item of items) sum += item;
    return sum;
  },
});
Deno.addSignalListener("SIGTERM", () => server.shutdown({ grace: 60_000 }));
console.log(JSON.stringify({ port: server.addr.port }));
await server.finished;
console.log(JSON.stringify({ entered }));
