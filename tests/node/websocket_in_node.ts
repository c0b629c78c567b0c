/**
 * A client over WebSocket in Node.js and Bun: calls, failures of its sockets, and retries.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { CallError, createServer } from "@lengthwise/lengthwise";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
import { Pages } from "./programs/pages.ts";
import { runIn, RUNTIMES } from "./run_in_node.ts";

const local = { hostname: "127.0.0.1", port: 0, onListen() {} };

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  Deno.test(`a client over WebSocket runs in ${name}`, async () => {
    await using server = createServer(Pages).handle({
      upper: (text) => text.toUpperCase(),
      failAtClient: (_, { remote }) =>
        remote.fail().then(
          () => "nothing",
          (error: unknown) => error instanceof CallError ? error.code : "other",
        ),
      async *count(most) {
        for (let n = 0; n < most; n++) yield n;
      },
    });
    await using http = Deno.serve(local, (request) => {
      const { response, connection } = upgradeWebSocket(request);
      server.accept(connection);
      return response;
    });
    let attempts = 0;
    await using busy = Deno.serve(local, (request) => {
      if (++attempts <= 2) return new Response("busy", { status: 503 });
      const { response, connection } = upgradeWebSocket(request);
      connection.opened.then(() => connection.close(), () => {});
      return response;
    });
    const free = Deno.listen(local);
    free.close();
    const ports = [http.addr, free.addr, busy.addr].map(({ port }) => port);
    const { stdout, stderr } = await runIn(
      runtime,
      "tests/node/programs/websocket_client.ts",
      ports.map((port) => `ws://127.0.0.1:${port}/`),
    );
    assertEquals([stderr, stdout.trim()], ["", "ok websocket"]);
    assertEquals(attempts, 3);
  });
}
