/**
 * Three server processes are restarted in turn under 500 clients, which call,
 * read streams and upload. No call may fail, and none may run twice.
 *
 * @module
 */
import { assertEquals, assertGreater } from "@std/assert";
import { FleetProcess } from "./fleet/process.ts";
import type { Ledger } from "./fleet/clients.ts";
import { startHaproxy } from "./haproxy_server.ts";

const SERVERS = 3;
const CLIENTS = 500;

/** A server that keeps its port when it is restarted. */
class RestartedServer implements AsyncDisposable {
  port: number;
  /** Ids of the calls whose handlers were entered. */
  readonly entered: string[] = [];
  readonly #reuse: boolean;
  #process: FleetProcess | undefined;

  /** @param reuse whether several servers share the port */
  constructor(port: number, reuse: boolean) {
    this.port = port;
    this.#reuse = reuse;
  }

  async start(): Promise<void> {
    const [args, flags] = this.#reuse
      ? [["reuse"], ["--unstable-net"]]
      : [[], []];
    this.#process = new FleetProcess(
      "server.ts",
      [`${this.port}`, ...args],
      flags,
    );
    this.port = Number((await this.#process.next()).port);
  }

  async stop(): Promise<void> {
    this.#process?.terminate();
    const { entered } = await this.#process!.next() as { entered: string[] }; // as server.ts prints it
    this.entered.push(...entered);
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = undefined;
  }
}

/** Restarts the servers under clients, and compares the two ledgers. */
async function restart(
  servers: readonly RestartedServer[],
  port: number,
): Promise<void> {
  await using clients = new FleetProcess("clients.ts", [
    `${port}`,
    `${CLIENTS}`,
  ]);
  assertEquals(await clients.next(), { connected: CLIENTS });
  for (const server of servers) {
    await server.stop();
    await server.start();
  }
  await clients.endInput();
  const ledger = await clients.next() as unknown as Ledger; // as clients.ts prints it
  for (const server of servers) await server.stop();
  const entered = servers.flatMap((server) => server.entered);
  console.log(
    `${ledger.succeeded.length} calls, the longest took ${
      Math.round(ledger.longest)
    } ms; servers handled ${
      servers.map((server) => server.entered.length).join(", ")
    }`,
  );
  assertEquals(ledger.failed, []);
  assertEquals(entered.length, new Set(entered).size, "calls ran twice");
  assertEquals(entered.toSorted(), ledger.succeeded.toSorted());
  assertGreater(ledger.succeeded.length, 2 * CLIENTS);
  for (const server of servers) assertGreater(server.entered.length, 0);
}

Deno.test("servers of a HAProxy are restarted in turn; no call fails or runs twice", async () => {
  await using cleanUp = new AsyncDisposableStack();
  const servers: RestartedServer[] = [];
  for (let index = 0; index < SERVERS; index++) {
    const server = cleanUp.use(new RestartedServer(0, false));
    await server.start();
    servers.push(server);
  }
  const proxy = cleanUp.use(
    await startHaproxy({
      servers: servers.map((server) => server.port),
      idle: 60_000,
    }),
  );
  await restart(servers, proxy.port);
});

Deno.test({
  name:
    "servers that share a port are restarted in turn; no call fails or runs twice",
  ignore: Deno.build.os !== "linux", // other kernels do not spread connections
  async fn() {
    await using cleanUp = new AsyncDisposableStack();
    const servers: RestartedServer[] = [];
    for (let index = 0; index < SERVERS; index++) {
      const server = cleanUp.use(
        new RestartedServer(servers[0]?.port ?? 0, true),
      );
      await server.start();
      servers.push(server);
    }
    await restart(servers, servers[0]!.port);
  },
});
