/**
 * Processor time of a gateway, beside that of its client and its server.
 *
 * Three processes take turns on the same machine: the client makes calls through
 * the gateway, and then directly. The times are those of each process alone, so
 * that other work on the machine does not count.
 *
 * ```sh
 * deno run --frozen --allow-all tests/bench/gateway.ts
 * ```
 *
 * @module
 */
import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
import { forward } from "@lengthwise/lengthwise/forward";
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
    await this.#input.write(new TextEncoder().encode("\n"));
    return Number(await this.line());
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

async function main(): Promise<void> {
  const server = new Peer("server");
  const port = Number(await server.line());
  const gateway = new Peer("gateway", String(port));
  const through = Number(await gateway.line());
  const us = (ms: number) => `${(ms * 1_000 / CALLS).toFixed(1)} µs`;
  console.log("processor time of a call");
  for (let round = 0; round < 4; round++) {
    await Promise.all([server.time(), gateway.time()]);
    const client = await callAll(through);
    const [served, forwarded] = [await server.time(), await gateway.time()];
    const direct = await callAll(port);
    const directly = await server.time();
    if (round === 0) continue; // the functions are not compiled yet
    console.log(
      `gateway ${us(forwarded)}, client ${us(client)}, server ${
        us(served)
      }; gateway / (client + server) ${
        (forwarded / (client + served)).toFixed(2)
      }; directly: client ${us(direct)}, server ${us(directly)}`,
    );
  }
  await gateway.end();
  await server.end();
}

const [role, port] = Deno.args;
if (role === "server") {
  const server = await serve(Echo, { port: 0 }).handle({
    echo: (value) => value,
  });
  console.log(server.addr.port);
  await reportTimes();
} else if (role === "gateway") {
  const gateway = await forward(Echo, { port: 0 }, {
    upstreams: { echo: { port: Number(port) } },
  });
  console.log(gateway.addr.port);
  await reportTimes();
} else await main();
