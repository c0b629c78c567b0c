/**
 * Processor time and writes of gateways, beside those of client and server.
 *
 * The client makes calls through the gateways `forward()` and `forwardSessions()`,
 * and then directly. All processes are on the same machine. The times are those of
 * each process alone, so that other work on the machine does not count. Writes are
 * counted in further gateways.
 *
 * ```sh
 * deno run --frozen --allow-all tests/bench/gateway.ts
 * ```
 *
 * @module
 */
import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
import { forward, forwardSessions } from "@lengthwise/lengthwise/forward";
import {
  connect as connectSocket,
  type Connection,
  listen,
} from "@lengthwise/lengthwise/transport";
import process from "node:process";

const Echo = protocol({
  name: "echo",
  server: { echo: unary<unknown, unknown>() },
});
const VALUE = {
  sku: "A-1",
  name: "Earl Grey, 100 g",
  cents: 349,
  tags: ["tea", "black", "bergamot"],
  stock: { berlin: 12, hamburg: 7 },
  note: "x".repeat(60),
};
const CALLS = 20_000;
const IN_FLIGHT = 64;

/** Reads and writes of this process. */
const counts = { reads: 0, writes: 0 };

/** Returns a connection whose reads and writes count. */
function counted(connection: Connection): Connection {
  return new Proxy(connection, {
    get(target, key) {
      if (key === "read") counts.reads++;
      if (key === "write") counts.writes++;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Reports, for each line that arrives, reads and writes since the last one. */
async function reportCounts(): Promise<void> {
  for await (const _ of Deno.stdin.readable) {
    console.log(`${counts.reads} ${counts.writes}`);
    counts.reads = counts.writes = 0;
  }
}

/** Reports, for each line that arrives, the processor time in ms since the last one. */
async function reportTimes(): Promise<void> {
  let last = process.cpuUsage();
  const decoder = new TextDecoder();
  for await (const chunk of Deno.stdin.readable) {
    for (const _ of decoder.decode(chunk).matchAll(/\n/g)) {
      const now = process.cpuUsage();
      const used = now.user + now.system - last.user - last.system;
      last = now;
      console.log(used / 1_000);
    }
  }
}

/** A process of this script. */
class Peer {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #left = "";

  constructor(...args: string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--frozen",
        "--no-check",
        "--allow-all",
        import.meta.filename!,
        ...args,
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.#input = this.#child.stdin.getWriter();
  }

  async line(): Promise<string> {
    while (!this.#left.includes("\n")) {
      const { value = "\n" } = await this.#lines.read();
      this.#left += value;
    }
    const end = this.#left.indexOf("\n");
    const line = this.#left.slice(0, end);
    this.#left = this.#left.slice(end + 1);
    return line;
  }

  async time(): Promise<number> {
    return Number(await this.report());
  }

  async report(): Promise<string> {
    await this.#input.write(new TextEncoder().encode("\n"));
    return await this.line();
  }

  async end(): Promise<void> {
    await this.#input.close();
    this.#child.kill("SIGTERM");
    await this.#lines.cancel();
    await this.#child.status;
  }
}

/** Makes calls to a port; returns the processor time of this process in ms. */
async function callAll(port: number): Promise<number> {
  await using session = await connect(Echo, { port });
  const before = process.cpuUsage();
  let left = CALLS;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (left-- > 0) await session.remote.echo(VALUE);
    }),
  );
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

const KINDS = ["forward", "forwardSessions"] as const; // names of functions

type Kind = typeof KINDS[number];

/** Prints the processor time of calls through a gateway. */
async function measureTimes(
  kind: Kind,
  { server, port }: { server: Peer; port: number },
): Promise<void> {
  const gateway = new Peer(kind, String(port));
  const through = Number(await gateway.line());
  const us = (ms: number) => `${(ms * 1_000 / CALLS).toFixed(1)} µs`;
  for (let round = 0; round < 4; round++) {
    await Promise.all([server.time(), gateway.time()]);
    const client = await callAll(through);
    const [served, forwarded] = [await server.time(), await gateway.time()];
    const direct = await callAll(port);
    const directly = await server.time();
    if (round === 0) continue; // the functions are not compiled yet
    console.log(
      `${kind}: gateway ${us(forwarded)}, client ${us(client)}, server ${
        us(served)
      }; gateway / (client + server) ${
        (forwarded / (client + served)).toFixed(2)
      }; directly: client ${us(direct)}, server ${us(directly)}`,
    );
  }
  await gateway.end();
}

/** Prints reads and writes of a process for 1,000 calls. */
async function measureCounts(name: string, peer: Peer, port: number) {
  for (let round = 0; round < 2; round++) {
    await peer.report();
    await callAll(port);
    if (round === 0) continue; // likewise
    const [reads, writes] = (await peer.report()).split(" ").map((count) =>
      (Number(count) * 1_000 / CALLS).toFixed(0)
    );
    console.log(`${name}: ${reads} reads, ${writes} writes`);
  }
  await peer.end();
}

async function main(): Promise<void> {
  const server = new Peer("server");
  const port = Number(await server.line());
  console.log(`processor time of a call, ${IN_FLIGHT} in flight`);
  for (const kind of KINDS) await measureTimes(kind, { server, port });
  console.log("in the process, for 1,000 calls");
  const direct = new Peer("server", "0", "count");
  await measureCounts("server, directly", direct, Number(await direct.line()));
  for (const kind of KINDS) {
    const gateway = new Peer(kind, String(port), "count");
    const through = Number(await gateway.line());
    await measureCounts(`gateway, ${kind}()`, gateway, through);
  }
  await server.end();
}

/** Returns a listener whose connections count. */
async function countedListener() {
  const listener = await listen({ port: 0 });
  return new Proxy(listener, {
    get(target, key) {
      if (key === Symbol.asyncIterator) {
        return async function* () {
          for await (const connection of target) yield counted(connection);
        };
      }
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const [role, to, mode] = Deno.args;
const address = mode === "count" ? await countedListener() : { port: 0 };
const report = mode === "count" ? reportCounts : reportTimes;
const upstreams = {
  echo: {
    name: "server",
    async connect(signal: AbortSignal) {
      const connection = await connectSocket({ port: Number(to) }, { signal });
      return mode === "count" ? counted(connection) : connection;
    },
  },
};
if (role === undefined) await main();
else {
  const { addr } = role === "server"
    ? await serve(Echo, address).handle({ echo: (value) => value })
    : role === "forward"
    ? await forward(Echo, address, { upstreams })
    : await forwardSessions(address, { upstreams });
  console.log(addr.port);
  await report();
}
