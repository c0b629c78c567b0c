#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-run=deno
/**
 * A deploy: three server processes are restarted in turn while clients call
 * them. No call fails, and none runs twice, without any code for retries.
 *
 * Each server has a port of its own, and clients know them all. With the argument
 * `shared`, all servers listen on one port, and the kernel chooses one for each
 * connection; this requires Linux, and `--unstable-net` for the servers.
 *
 * @module
 */
import { createClient } from "@lengthwise/lengthwise";
import { Bank } from "./bank.ts";

const shared = Deno.args[0] === "shared";

/** A server process; it prints its port, and later its payments. */
class ServerProcess implements AsyncDisposable {
  #process: Deno.ChildProcess | undefined;
  #output: ReadableStreamDefaultReader<string> | undefined;

  /** Starts a process and returns its port. */
  async start(port = 0): Promise<number> {
    const script = new URL("./server.ts", import.meta.url).href;
    const flags = ["--quiet", "--allow-net=127.0.0.1"];
    if (shared) flags.push("--unstable-net");
    const args = [`${port}`, ...Deno.args];
    this.#process = new Deno.Command("deno", {
      args: ["run", ...flags, script, ...args],
      stdout: "piped",
    }).spawn();
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    this.#output = text.getReader();
    return await this.#number();
  }

  /** Stops the process and returns the number of payments that it handled. */
  async stop(): Promise<number> {
    this.#process?.kill("SIGTERM");
    const payments = await this.#number();
    await this[Symbol.asyncDispose]();
    return payments;
  }

  async #number(): Promise<number> {
    return Number((await this.#output?.read())?.value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#output?.cancel();
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = this.#output = undefined;
  }
}

await using a = new ServerProcess();
await using b = new ServerProcess();
await using c = new ServerProcess();
const servers = [a, b, c];
const ports: number[] = [];
for (const server of servers) {
  ports.push(await server.start(shared ? ports[0] : 0));
}
console.log("3 servers are up");

let deploying = true;
let paid = 0;
let failed = 0;
let handled = 0;

/** Makes one payment after the other until the deploy is over. */
async function pay(index: number): Promise<void> {
  // Each client begins with another server.
  const addresses = ports.map((_, n) => ({ port: ports[(n + index) % 3]! }));
  await using client = createClient(Bank, addresses);
  await client.ready();
  while (deploying) {
    try {
      await client.remote.pay({ cents: 100 });
      paid++;
    } catch (error) {
      console.error("a payment failed:", error);
      failed++;
    }
  }
}

const clients = Array.from({ length: 30 }, (_, index) => pay(index));
const deploy = (async () => {
  for (const [index, server] of servers.entries()) {
    handled += await server.stop();
    await server.start(ports[index]);
    console.log(`server ${index + 1} was restarted`);
  }
  deploying = false;
})();
await Promise.all([...clients, deploy]);
for (const server of servers) handled += await server.stop();
console.log(paid > 0 ? "payments were made during the deploy" : "no payments");
console.log(`${failed} failed, ${handled - paid} doubled`);
