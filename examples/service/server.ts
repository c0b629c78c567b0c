#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A server that stays up until a signal stops it. The first signal lets calls in
 * flight finish; a second one ends them. With `deno run --watch`, a change of the
 * file stops and starts it in the same way.
 *
 * Arguments: the port, and the hostname, which is 0.0.0.0 in a container (with
 * `--allow-net=0.0.0.0`).
 *
 * @module
 */
import { serve } from "@lengthwise/lengthwise";
import { Shop } from "./shop.ts";

const [port = "7000", hostname = "127.0.0.1"] = Deno.args;
// Not `await using`: that would shut the server down at the end of the script.
const server = await serve(Shop, { hostname, port: Number(port) }, {
  onListen: ({ hostname, port }) =>
    console.log(
      `listening on ${hostname}:${port}`,
      hostname === "127.0.0.1" ? "(for this machine or container only)" : "",
    ),
}).handle({
  price: ({ sku }) => ({ cents: sku.length * 100 }),
});

let stopping = false;
function stop(): void {
  if (stopping) {
    server.abort();
  } else {
    stopping = true;
    server.shutdown({ grace: 10_000, retryAfter: 1_000 });
  }
}
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, stop);
}
await server.finished;
console.log("stopped");
