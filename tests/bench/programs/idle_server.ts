/**
 * Holds idle sessions, or connections that wait in a read, and prints the memory
 * in use for each line of input. The argument is the number of methods, or `bare`.
 *
 * @module
 */
import { questions } from "../processes.ts";
import { withMethods } from "./idle_protocol.ts";
import { serve } from "../../../mod.ts";

const [kind = "bare"] = Deno.args;
let count: () => number;
let port: number;
if (kind === "bare") {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let accepted = 0;
  count = () => accepted;
  port = listener.addr.port;
  (async () => {
    for await (const conn of listener) {
      accepted++;
      conn.read(new Uint8Array(2048));
    }
  })();
} else {
  const { protocol, handlers } = withMethods(Number(kind));
  const server = await serve(protocol, { port: 0 }, { maxSessions: 10_000 })
    .handle(handlers);
  count = () => [...server.sessions].length;
  port = server.addr.port!; // it listens on TCP
}
console.log(JSON.stringify({ port }));
for await (const _question of questions()) {
  for (let round = 0; round < 3; round++) {
    Reflect.get(globalThis, "gc")(); // set by --expose-gc
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { rss, heapUsed } = Deno.memoryUsage();
  console.log(JSON.stringify({ rss, heapUsed, count: count() }));
}
