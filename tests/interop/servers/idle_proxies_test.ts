/**
 * Proxies close idle connections, after 60 s by default. The heartbeat of 15 s
 * keeps sessions open; here all times are shorter.
 *
 * @module
 */
import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
import { assertEquals } from "@std/assert";
import { startHaproxy } from "./haproxy_server.ts";
import { startNginx } from "./nginx_server.ts";
import type { RunningServer } from "./programs.ts";

const Echo = protocol({
  name: "echo",
  server: { echo: unary<string, string>() },
});
const HEARTBEAT = 500;
/** Time in ms after which the proxies close idle connections. */
const IDLE = 4 * HEARTBEAT;
const NEVER = 2 ** 31 - 1;

const PROXIES: Readonly<
  Record<string, (server: number) => Promise<RunningServer>>
> = {
  haproxy: (server) => startHaproxy({ servers: [server], idle: IDLE }),
  nginx: (server) => startNginx(server, IDLE),
};

for (const [name, start] of Object.entries(PROXIES)) {
  Deno.test(`a heartbeat keeps an idle session open through ${name}; without one, it is cut`, async () => {
    await using server = await serve(Echo, { hostname: "127.0.0.1", port: 0 }, {
      limits: { heartbeat: NEVER }, // the client's PINGs suffice
    }).handle({ echo: (text) => text });
    await using proxy = await start(server.addr.port!);
    const session = async (heartbeat: number) => {
      const { port } = proxy;
      const session = await connect(Echo, { hostname: "127.0.0.1", port }, {
        limits: { heartbeat },
      });
      await session.remote.echo("before");
      return session;
    };
    await using alive = await session(HEARTBEAT);
    await using silent = await session(NEVER);
    assertEquals((await silent.finished).code, "disconnected");
    // The other one is older.
    assertEquals(await alive.remote.echo("after"), "after");
    assertEquals(alive.draining.aborted, false);
  });
}
