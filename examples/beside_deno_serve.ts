#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Typed messages inside an existing HTTP service. `Deno.serve` handles HTTP,
 * the same port carries typed messages over WebSocket, and a TCP port uses the
 * same handlers.
 *
 * @module
 */
import { connect, createServer, protocol, unary } from "@lengthwise/lengthwise";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";

const Counter = protocol({
  name: "counter",
  server: { increment: unary<{ by: number }, number>() },
});

let count = 0;
const server = createServer(Counter).handle({
  increment: ({ by }) => count += by,
});
const tcp = await server.listen({ port: 0 });

await using http = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen() {} },
  (request) => {
    if (new URL(request.url).pathname !== "/messages") {
      return new Response(`count ${count}`);
    }
    const { response, connection } = upgradeWebSocket(request);
    server.accept(connection);
    return response;
  },
);
const { port } = http.addr;

{
  await using overTcp = await connect(Counter, tcp);
  console.log("over TCP:", await overTcp.remote.increment({ by: 2 }));
  await using overWebSocket = await connect(
    Counter,
    `ws://127.0.0.1:${port}/messages`,
  );
  console.log(
    "over WebSocket:",
    await overWebSocket.remote.increment({ by: 3 }),
  );
  const page = await fetch(`http://127.0.0.1:${port}/`);
  console.log("over HTTP:", await page.text());
}
await server.shutdown();
