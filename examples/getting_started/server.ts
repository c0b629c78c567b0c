#!/usr/bin/env -S deno run --allow-net=127.0.0.1:7000,127.0.0.1:8000 --allow-read=.
import { createServer, json, msgpack } from "@lengthwise/lengthwise";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
import { handlers } from "./handlers.ts";
import { Shop } from "./shop.ts";

const server = createServer(Shop, { codecs: [msgpack(), json()] })
  .handle(handlers);
await server.listen({ port: 7000 }); // programs, over TCP

const http = Deno.serve({ hostname: "127.0.0.1", port: 8000 }, (request) => {
  const { pathname, origin } = new URL(request.url);
  if (pathname === "/shop") { // pages, over WebSocket
    const { response, connection } = upgradeWebSocket(request, {
      origins: [origin],
    });
    server.accept(connection);
    return response;
  }
  if (pathname === "/") return file("page.html", "text/html");
  if (pathname === "/page.js") return file("page.js", "text/javascript");
  return new Response("not found", { status: 404 });
});

async function file(path: string, type: string): Promise<Response> {
  return new Response(await Deno.readTextFile(path), {
    headers: { "content-type": type },
  });
}

async function stop(): Promise<void> {
  await server.shutdown({ grace: 10_000 });
  await http.shutdown();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, stop);
}
