/**
 * A client over WebSocket in Chromium, on a page of a trusted address and on one
 * of plain http, both under a policy that forbids `eval`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { CallError, createServer, type Server } from "@lengthwise/lengthwise";
import {
  upgradeWebSocket,
  webSocketConnection,
} from "@lengthwise/lengthwise/transport";
import { bundle } from "./bundle.ts";
import { Chromium } from "./chromium.ts";
import { Site } from "./programs/site.ts";

const HTML = `<!DOCTYPE html><title>Pages</title><body>
<script type="module" src="/page.js"></script>`;
const POLICY = "default-src 'none'; script-src 'self'; " +
  "connect-src 'self' ws:; frame-src 'self'";

/** Starts the server of the page's sessions. */
function start(): Server<typeof Site> {
  let seen = 0;
  return createServer(Site, { onError: () => {} })
    .handle({
      upper: (text) => text.toUpperCase(),
      async *count(most) {
        for (let n = 0; n < most; n++) yield n;
      },
      async size(parts) {
        let sum = 0;
        for await (const { length } of parts) sum += length;
        return sum;
      },
      async *double(numbers) {
        for await (const number of numbers) yield 2 * number;
      },
      seen: () => void seen++,
      seenSoFar: () => seen,
      askPage: (_, { remote }) => remote.title(),
      failAtPage: (_, { remote }) =>
        remote.fail().then(
          () => "nothing",
          (error: unknown) => error instanceof CallError ? error.code : "other",
        ),
      announce: (text, { session }) => session.server.broadcast.news(text),
    });
}

for (const host of ["127.0.0.1", "plain.example"]) {
  Deno.test(`a page on http://${host} calls, is called, and survives a restart`, async () => {
    const script = await bundle("tests/browser/programs/page.ts");
    const done = Promise.withResolvers<string>();
    let server = start();
    const pages: Record<string, (request: Request) => unknown> = {
      "/": () =>
        new Response(HTML, {
          headers: {
            "content-type": "text/html",
            "content-security-policy": POLICY,
          },
        }),
      "/page.js": () =>
        new Response(script, {
          headers: { "content-type": "text/javascript" },
        }),
      "/site"(request) {
        const { origin } = new URL(request.url);
        const { response, connection } = upgradeWebSocket(request, {
          origins: [origin],
        });
        server.accept(connection);
        return response;
      },
      "/plain"(request) {
        const { response, socket } = Deno.upgradeWebSocket(request);
        server.accept(webSocketConnection(socket, { flowControl: false }));
        return response;
      },
      "/denied": () => new Response("no", { status: 401 }),
      "/busy": () => new Response("busy", { status: 503 }),
      "/sessions": () => new Response(`${server.stats.sessions.open}`),
      async "/restart"() {
        await server.abort();
        server = start();
        return new Response("restarted");
      },
      async "/done"(request) {
        done.resolve(await request.text());
        return new Response("thanks");
      },
    };
    await using http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const page = pages[new URL(request.url).pathname];
        const response = await page?.(request);
        if (response instanceof Response) return response;
        return new Response("none", { status: 404 });
      },
    );
    await using chromium = await Chromium.start();
    await chromium.open(`http://${host}:${http.addr.port}/`);
    const outcome = await Promise.race([done.promise, chromium.failed]);
    assertEquals(outcome, `ok ${host}`);
    await server.shutdown({ grace: 0 });
  });
}
