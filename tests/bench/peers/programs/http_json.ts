/**
 * JSON over HTTP/1.1: `Deno.serve`, and `fetch` as the client. Each call in flight
 * needs a connection of its own. A stream is a body with a line for each item.
 *
 * @module
 */
import { run } from "./load.mjs";
import { handle, type Quote, quoteOf } from "./workload.mjs";

/** Items in one chunk of a stream's body: about 6 KB. */
const BATCH = 64;

function quotesAsLines(count: number): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let sequence = 0;
  return new ReadableStream({
    pull(controller) {
      let lines = "";
      for (let n = 0; n < BATCH && sequence < count; n++) {
        lines += JSON.stringify(quoteOf(sequence++)) + "\n";
      }
      controller.enqueue(encoder.encode(lines));
      if (sequence === count) controller.close();
    },
  });
}

await run({
  server() {
    const { promise, resolve } = Promise.withResolvers<number>();
    Deno.serve({
      port: 0,
      hostname: "127.0.0.1",
      onListen: ({ port }) => resolve(port),
    }, async (request) => {
      const { pathname, searchParams } = new URL(request.url);
      return pathname === "/change"
        ? Response.json(handle(await request.json()))
        : new Response(quotesAsLines(Number(searchParams.get("count"))));
    });
    return promise;
  },

  client(port) {
    const url = `http://127.0.0.1:${port}`;
    // Keeps the connections of all calls: fewer would be opened again and again.
    const client = Deno.createHttpClient({ poolMaxIdlePerHost: 256 });
    const headers = { "content-type": "application/json" };
    return Promise.resolve({
      async call(order) {
        const response = await fetch(`${url}/change`, {
          client,
          method: "POST",
          headers,
          body: JSON.stringify(order),
        });
        return response.json();
      },
      async stream(count: number, onItem: (item: Quote) => void) {
        const { body } = await fetch(`${url}/watch?count=${count}`, { client });
        let rest = "";
        for await (const text of body!.pipeThrough(new TextDecoderStream())) {
          const lines = (rest + text).split("\n");
          rest = lines.pop()!; // split() returns at least one
          for (const line of lines) onItem(JSON.parse(line));
        }
      },
    });
  },
});
