#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-run=deno,nats-server
/**
 * A chat on three processes that are joined by NATS, under failures.
 *
 * Members reach the processes through two gateways. One process is killed, then
 * NATS, and all processes and gateways are restarted in turn. At the end, a ledger accounts for each line and each member: it was heard, or the member
 * was notified that it is missing, or the member was moving to another process.
 *
 * It needs `nats-server`, for example from the Debian package of that name.
 *
 * @module
 */
import { createClient } from "@lengthwise/lengthwise";
import { Chat } from "./chat.ts";
import { Ledger } from "./ledger.ts";

const HOST = "127.0.0.1";
const ROOMS = ["garden", "kitchen"];
const MEMBERS = 12;

/** Waits some milliseconds. */
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A program that is started again and again. */
class Process implements AsyncDisposable {
  readonly #program: string;
  readonly #args: readonly string[];
  #child: Deno.ChildProcess | undefined;

  constructor(program: string, args: readonly string[]) {
    this.#program = program;
    this.#args = args;
  }

  /** Starts it; returns the first text that it prints to one of its outputs. */
  async start(output: "stdout" | "stderr", ready: RegExp): Promise<string> {
    const child = new Deno.Command(this.#program, {
      args: [...this.#args],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
      [output]: "piped",
    }).spawn();
    this.#child = child;
    let text = "";
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    (async () => {
      for await (
        const part of child[output].pipeThrough(new TextDecoderStream())
      ) {
        text += part;
        const [found] = ready.exec(text) ?? [];
        if (found !== undefined) resolve(found);
      }
      reject(new Error(`${this.#program} has ended: ${text}`));
    })();
    return await promise;
  }

  /** Ends it: with SIGKILL, as in a crash, or in order. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    child?.kill(signal);
    await child?.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}

/** A process of the chat. */
class ChatProcess extends Process {
  readonly port: number;
  /** Id of the process that runs. */
  id = "";

  constructor(natsPort: number) {
    const port = freePort();
    const script = new URL("./server.ts", import.meta.url).href;
    super("deno", [
      ...["run", "--quiet", "--allow-net=127.0.0.1", "--allow-env"],
      ...["--allow-read", script, `${natsPort}`, `${port}`],
    ]);
    this.port = port;
  }

  /** Starts it, and waits until it listens. */
  async up(): Promise<void> {
    this.id = await this.start("stdout", /[0-9a-f]{16}/);
  }
}

/** A gateway, through which members reach the processes of the chat. */
class GatewayProcess extends Process {
  readonly port: number;

  constructor(servers: readonly ChatProcess[]) {
    const port = freePort();
    const script = new URL("./gateway.ts", import.meta.url).href;
    super("deno", [
      ...["run", "--quiet", "--allow-net=127.0.0.1", script, `${port}`],
      ...servers.map(({ port }) => `${port}`),
    ]);
    this.port = port;
  }

  /** Starts it, and waits until it listens. */
  async up(): Promise<void> {
    await this.start("stdout", /is up/);
  }
}

/** Returns a port that is free. */
function freePort(): number {
  using listener = Deno.listen({ hostname: HOST, port: 0 });
  return listener.addr.port;
}

const natsPort = freePort();
await using nats = new Process("nats-server", [
  ...["--addr", HOST, "--port", `${natsPort}`],
]);
const natsUp = () => nats.start("stderr", /Server is ready/);
await natsUp();
await using one = new ChatProcess(natsPort);
await using two = new ChatProcess(natsPort);
await using three = new ChatProcess(natsPort);
const servers = [one, two, three];
await Promise.all(servers.map((server) => server.up()));
await using left = new GatewayProcess(servers);
await using right = new GatewayProcess(servers);
const gateways = [left, right];
await Promise.all(gateways.map((gateway) => gateway.up()));
console.log("3 processes of the chat are up, joined by NATS, and 2 gateways");

const ledger = new Ledger();

/** Creates a member, whose first session is through one of the gateways. */
function member(index: number) {
  const room = ROOMS[index % ROOMS.length]!;
  const account = ledger.member(room);
  const addresses = gateways.map((_, n) => ({
    hostname: HOST,
    port: gateways[(n + index) % gateways.length]!.port,
  }));
  const client = createClient(Chat, addresses, {
    reconnect: { minDelay: 20, maxDelay: 200 },
    handlers: {
      said: (line) => account.heard(line),
      missed: (missed) => account.missed(missed),
    },
    async onSession({ remote }) {
      account.enters();
      await remote.enter(room);
      account.entered(); // lines until now may be missing
    },
  });
  return { room, client };
}

const members = Array.from({ length: MEMBERS }, (_, index) => member(index));
await Promise.all(members.map(({ client }) => client.ready()));

let talking = true;
let unsaid = 0;

/** Says a line every few milliseconds. */
async function talk({ room, client }: typeof members[number]): Promise<void> {
  while (talking) {
    try {
      ledger.published(room, await client.remote.say());
    } catch {
      unsaid++; // its process ended before it answered
    }
    await pause(20);
  }
}

const talks = members.map(talk);
await pause(1000);
ledger.killed.add(two.id);
await two.end("SIGKILL");
console.log("a process was killed");
await pause(500);
await two.up();
await pause(1000);
await nats.end("SIGKILL");
console.log("NATS was killed: each process serves its own members");
await pause(1000);
await natsUp();
console.log("NATS is back");
await pause(1000);
for (const server of servers) {
  await server.end("SIGTERM");
  await server.up();
  await pause(300);
}
console.log("all processes were restarted, one after the other");
for (const gateway of gateways) {
  await gateway.end("SIGTERM");
  await gateway.up();
  await pause(300);
}
console.log("both gateways were restarted, too");
await pause(1000);
talking = false;
await Promise.all(talks);
// A hole shows with the next line of its process: each process says one more.
for (const { room, client } of members) {
  ledger.published(room, await client.remote.say());
}
await pause(500);

const balance = ledger.balance();
const { lines, owed, heard, notified, moving, lastWords } = balance;
const { unexplained, doubled, disordered } = balance;
console.log(`${lines} lines; ${unsaid} calls failed with their process`);
console.log(
  `${owed} were owed to ${MEMBERS} members of ${ROOMS.length} rooms:`,
);
console.log(
  `${heard} heard, ${notified} missing by notice, ${moving} while the member moved, ${lastWords} lost with a killed process`,
);
console.log(
  `${unexplained} lost in silence, ${doubled} doubled, ${disordered} out of order`,
);
const sum = heard + notified + moving + lastWords + unexplained;
console.log(sum === owed ? "the ledger balances" : `the sum is ${sum}`);
await Promise.all(members.map(({ client }) => client.close()));
await Promise.all(
  [...gateways, ...servers].map((process) => process.end("SIGTERM")),
);
await nats.end("SIGTERM");
