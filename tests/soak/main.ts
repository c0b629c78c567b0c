/**
 * A soak test: a client calls four server processes through proxies, while
 * servers are killed, stopped, drained and restarted, and connections are cut
 * and swallowed. At the end, the outcomes of all calls must agree with the runs
 * of their handlers, and memory and descriptors must not have grown.
 *
 * Usage: deno task soak [minutes] [plot.svg]
 *
 * @module
 */
import { balance, growth } from "./balance.ts";
import { measure, type Outcome, type Sample } from "./bank.ts";
import { type Mark, plot } from "./plot.ts";
import { Proxy } from "./proxy.ts";

const [minutes = "2", plotPath] = Deno.args;
const SECONDS = Number(minutes) * 60;
/** Milliseconds between two failures. */
const PAUSE = 5_000;
/** Bytes by which a heap may grow, because code is compiled late. */
const HEAP_ROOM = 4 * 1024 * 1024;
/** Descriptors by which a process may grow: connections that are being opened. */
const DESCRIPTOR_ROOM = 8;
/** Servers that are killed, and one that lives throughout. */
const KILLED = ["a", "b", "c"] as const;
const LASTING = "d";

const folder = await Deno.makeTempDir({ prefix: "soak_" });
const started = performance.now();
const samples: (Sample & { readonly seconds: number })[] = [];
const marks: Mark[] = [];

function now(): number {
  return (performance.now() - started) / 1_000;
}

function mark(what: string): void {
  marks.push({ seconds: now(), what });
}

/** A process whose lines of JSON are read. */
class Process {
  readonly child: Deno.ChildProcess;
  readonly reading: Promise<void>;

  constructor(
    script: string,
    args: readonly string[],
    onLine: (line: unknown) => void,
  ) {
    this.child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--frozen",
        "--no-check",
        "--allow-all",
        "--v8-flags=--expose-gc",
        `tests/soak/${script}`,
        ...args,
      ],
      stdout: "piped",
    }).spawn();
    this.reading = this.#read(onLine);
  }

  async #read(onLine: (line: unknown) => void): Promise<void> {
    for await (const line of lines(this.child.stdout)) {
      try {
        onLine(JSON.parse(line));
      } catch {
        // A process that is killed may leave a part of a line.
      }
    }
  }

  signal(name: Deno.Signal): void {
    try {
      this.child.kill(name);
    } catch { /* it has ended */ }
  }
}

function onSample(line: unknown): void {
  samples.push({ ...line as Sample, seconds: now() }); // printed by measure()
}

/** A server that keeps its port when it is restarted, and its proxy. */
class ServerProcess {
  readonly name: string;
  #process!: Process;
  #port = 0;
  proxy!: Proxy;

  constructor(name: string) {
    this.name = name;
  }

  async start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const ledger = `${folder}/entries`;
    this.#process = new Process(
      "server.ts",
      [this.name, `${this.#port}`, ledger],
      (line) => {
        const { port } = line as { port?: number }; // the first line has it
        if (port === undefined) onSample(line);
        else resolve(port);
      },
    );
    const ended = this.#process.child.status.then(() => 0);
    this.#port = await Promise.race([promise, ended]);
    if (this.#port === 0) {
      throw new Error(`server ${this.name} has not started`);
    }
    this.proxy ??= new Proxy(this.#port);
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.#process.signal(signal);
    await this.#process.child.status;
    await this.#process.reading;
  }

  async stop(ms: number): Promise<void> {
    mark(`SIGSTOP ${this.name}`);
    this.#process.signal("SIGSTOP");
    await sleep(ms);
    this.#process.signal("SIGCONT");
  }
}

const servers = [...KILLED, LASTING].map((name) => new ServerProcess(name));
await Promise.all(servers.map((server) => server.start()));
const client = new Process(
  "client.ts",
  [
    `${SECONDS}`,
    `${folder}/outcomes`,
    ...servers.map(({ proxy }) => `${proxy.port}`),
  ],
  onSample,
);
const clientEnded = client.child.status;
const sampling = setInterval(() => onSample(measure("proxy")), 2_000);
let over = false;
clientEnded.then(() => over = true);

/** Failures; each may last longer than the pause before the next. */
const FAILURES: readonly (() => Promise<void>)[] = [
  () => restart("SIGKILL"),
  () => restart("SIGKILL"),
  () => restart("SIGTERM"),
  () => killable().stop(500 + random(9_000)),
  () => {
    const { proxy, name } = any(servers);
    mark(`cut ${name}`);
    proxy.cut(() => random(5_000));
    return Promise.resolve();
  },
  async () => {
    const { proxy, name } = any(servers);
    mark(`silence ${name}`);
    proxy.setSilent(true);
    await sleep(1_000 + random(15_000));
    proxy.setSilent(false);
  },
];
const busy = new Set<ServerProcess>();

function killable(): ServerProcess {
  const free = servers.filter((server) =>
    server.name !== LASTING && !busy.has(server)
  );
  return any(free.length > 0 ? free : servers.slice(0, KILLED.length));
}

async function restart(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  const server = killable();
  if (busy.has(server)) return;
  busy.add(server);
  mark(`${signal} ${server.name}`);
  await server.end(signal);
  await sleep(random(1_000));
  await server.start();
  busy.delete(server);
}

const failing: Promise<void>[] = [];
const kinds: Record<string, number> = {};
while (!over) {
  await Promise.race([sleep(PAUSE), clientEnded]);
  if (over || now() > SECONDS) continue;
  failing.push(any(FAILURES)());
}
clearInterval(sampling);
const { success } = await clientEnded;
await client.reading;
await Promise.all(failing);
await Promise.all(servers.map((server) => server.end("SIGTERM")));
for (const { proxy } of servers) proxy.close();
for (const { what } of marks) {
  const [kind = ""] = what.split(" ");
  kinds[kind] = (kinds[kind] ?? 0) + 1;
}

const read = (name: string) =>
  Deno.readTextFileSync(`${folder}/${name}`).split("\n").filter(Boolean);
const outcomes = read("outcomes").map((line) => JSON.parse(line) as Outcome); // written by the client
const made = samples.findLast(({ name }) => name === "client")?.made ?? 0;
const { sums, entries, wrong } = balance(
  made,
  outcomes,
  read("entries").map(Number),
);
const grown: string[] = [];
for (const name of ["client", LASTING, "proxy"]) {
  const own = samples.filter((sample) => sample.name === name);
  const heap = growth(own.map((sample) => sample.heap), HEAP_ROOM);
  const open = growth(
    own.map(({ descriptors }) => descriptors),
    DESCRIPTOR_ROOM,
  );
  if (heap !== undefined) grown.push(`the heap of ${name} grows ${heap} bytes`);
  if (open !== undefined) grown.push(`descriptors of ${name} grow ${open}`);
}
if (plotPath !== undefined) Deno.writeTextFileSync(plotPath, draw());
await Deno.remove(folder, { recursive: true });

console.log(`failures: ${JSON.stringify(kinds)}`);
console.log(`calls: ${made} made, ${outcomes.length} settled`);
console.log(`outcomes: ${JSON.stringify(sums)}`);
console.log(`handler entries: ${entries}`);
const problems = [...wrong.slice(0, 20), ...grown];
if (!success) problems.push("the client has failed");
if (marks.length === 0) problems.push("nothing has failed");
for (const problem of problems) console.error(problem);
if (problems.length > 0) Deno.exit(1);
console.log("The ledger balances; memory and descriptors have not grown.");

function draw(): string {
  const series = (value: (sample: Sample) => number | undefined) =>
    [...new Set(samples.map(({ name }) => name))].map((name) => ({
      name,
      points: samples.filter((sample) => sample.name === name)
        .flatMap((sample) => {
          const y = value(sample);
          return y === undefined ? [] : [[sample.seconds, y] as const];
        }),
    })).filter(({ points }) => points.length > 0);
  const latency = (name: string, key: "median" | "slowest") => ({
    name,
    points: samples.flatMap((sample) => {
      const y = sample[key];
      return y === undefined ? [] : [[sample.seconds, y] as const];
    }),
  });
  return plot([
    { title: "heap, MiB", series: series(({ heap }) => heap / 2 ** 20) },
    { title: "open descriptors", series: series((each) => each.descriptors) },
    { title: "median of calls, ms", series: [latency("client", "median")] },
    { title: "slowest call, ms", series: [latency("client", "slowest")] },
  ], marks);
}

function any<T>(from: readonly T[]): T {
  return from[random(from.length)]!; // never empty
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function* lines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
