/**
 * A soak test: three clients call four server processes through proxies, while
 * clients and servers are killed, stopped, drained and restarted, and connections
 * are cut and swallowed. At the end, the outcomes of all calls must agree with
 * the runs of their handlers, and memory and descriptors must not have grown.
 *
 * Requires `redis-server`, which stores the outcomes of the calls that run at
 * most once.
 *
 * Usage: deno task soak [minutes] [plot.svg]
 *
 * @module
 */
import { startRedis } from "../interop/servers/redis_server.ts";
import { balance, growth } from "./balance.ts";
import {
  CALLS_OF_A_CLIENT,
  measure,
  type Outcome,
  type Sample,
  type Sent,
} from "./bank.ts";
import { type Mark, plot } from "./plot.ts";
import {
  ClientProcess,
  type EndSignal,
  ServerProcess,
  sleep,
} from "./process.ts";

const [minutes = "2", plotPath] = Deno.args;
const SECONDS = Number(minutes) * 60;
/** Milliseconds between two kills. */
const KILL_PAUSE = 5_000;
/** Milliseconds between two failures of the network, on average. */
const NETWORK_PAUSE = 5_000;
/** Bytes by which a heap may grow, because code is compiled late. */
const HEAP_ROOM = 4 * 1024 * 1024;
/** Descriptors by which a process may grow: connections that are being opened. */
const DESCRIPTOR_ROOM = 8;
/** Processes that are killed, and processes that live throughout. */
const KILLED_SERVERS = ["a", "b", "c"] as const;
const LASTING_SERVER = "d";
const KILLED_CLIENTS = ["x", "y"] as const;
const LASTING_CLIENT = "z";

const folder = await Deno.makeTempDir({ prefix: "soak_" });
const redis = await startRedis();
const started = performance.now();
const samples: (Sample & { readonly seconds: number })[] = [];
const marks: Mark[] = [];

function now(): number {
  return (performance.now() - started) / 1_000;
}

function mark(what: string): void {
  marks.push({ seconds: now(), what });
}

function onSample(line: unknown): void {
  samples.push({ ...line as Sample, seconds: now() }); // printed by measure()
}

const servers = [...KILLED_SERVERS, LASTING_SERVER].map((name) =>
  new ServerProcess(name, [`${folder}/entries`, `${redis.port}`], onSample)
);
await Promise.all(servers.map((server) => server.start()));
const clients = [...KILLED_CLIENTS, LASTING_CLIENT].map((name) =>
  new ClientProcess(name, () => [
    `${Math.max(0, SECONDS - now())}`,
    `${folder}/calls`,
    ...servers.map(({ proxy }) => `${proxy.port}`),
  ], onSample)
);
for (const client of clients) await client.start();
const sampling = setInterval(() => onSample(measure("proxy")), 2_000);

const mayBeKilled = [
  ...servers.slice(0, KILLED_SERVERS.length),
  ...clients.slice(0, KILLED_CLIENTS.length),
];
const mayBeStopped = [...mayBeKilled, ...clients.slice(KILLED_CLIENTS.length)];

/** Does something to a process to which nothing else is being done. */
async function to<P extends ServerProcess | ClientProcess>(
  processes: readonly P[],
  what: string,
  action: (process: P) => Promise<void>,
): Promise<void> {
  const free = processes.filter(({ busy }) => !busy);
  if (free.length === 0) return;
  const process = any(free);
  mark(
    `${what} ${
      process instanceof ClientProcess ? "client" : "server"
    } ${process.name}`,
  );
  process.busy = true;
  await action(process);
  process.busy = false;
}

function killing(signal: EndSignal): () => Promise<void> {
  return () =>
    to(mayBeKilled, signal, (each) => each.restart(signal, random(1_000)));
}

/** The failures of processes; half of them are SIGKILL. */
const KILLS: readonly (() => Promise<void>)[] = [
  killing("SIGKILL"),
  killing("SIGKILL"),
  killing("SIGTERM"),
  () => to(mayBeStopped, "SIGSTOP", (each) => each.stop(500 + random(9_000))),
];

/** The failures of connections. */
const NETWORK: readonly (() => Promise<void>)[] = [
  () => {
    const { proxy, name } = any(servers);
    mark(`cut of ${name}`);
    proxy.cut(() => random(5_000));
    return Promise.resolve();
  },
  async () => {
    const { proxy, name } = any(servers);
    const lost = any(["both", "up", "down"] as const);
    mark(`silence of ${name}, ${lost}`);
    proxy.setSilent(lost);
    await sleep(1_000 + random(15_000));
    proxy.setSilent("none");
  },
];

const failing: Promise<void>[] = [];

async function every(
  pause: () => number,
  failures: readonly (() => Promise<void>)[],
): Promise<void> {
  for (;;) {
    await sleep(pause());
    if (now() > SECONDS) return;
    failing.push(any(failures)());
  }
}

await Promise.all([
  every(() => KILL_PAUSE, KILLS),
  every(() => NETWORK_PAUSE / 2 + random(NETWORK_PAUSE), NETWORK),
]);
await Promise.all(failing);
await Promise.all(clients.map((client) => client.ended()));
clearInterval(sampling);
await Promise.all(servers.map((server) => server.end("SIGTERM")));
for (const { proxy } of servers) proxy.close();
await redis[Symbol.asyncDispose]();

const read = (name: string) =>
  Deno.readTextFileSync(`${folder}/${name}`).split("\n").filter(Boolean);
const lines = read("calls").map((line) => JSON.parse(line) as Sent | Outcome); // written by clients
const sent = lines.filter((line): line is Sent => line.length === 2);
const outcomes = lines.filter((line): line is Outcome => line.length > 2);
const { sums, entries, wrong } = balance({
  sent,
  outcomes,
  entered: read("entries").map(Number),
  killed: (id) => ClientProcess.killed.has(Math.floor(id / CALLS_OF_A_CLIENT)),
});
const growths = [LASTING_CLIENT, LASTING_SERVER, "proxy"].flatMap((name) => {
  const own = samples.filter((sample) => sample.name === name);
  const heap = growth(own.map((sample) => sample.heap), HEAP_ROOM);
  const open = growth(own.map((each) => each.descriptors), DESCRIPTOR_ROOM);
  return [
    heap === undefined ? [] : [`the heap of ${name} grows ${heap} bytes`],
    open === undefined ? [] : [`descriptors of ${name} grow ${open}`],
  ].flat();
});
if (plotPath !== undefined) Deno.writeTextFileSync(plotPath, draw());
await Deno.remove(folder, { recursive: true });

const kinds: Record<string, number> = {};
for (const { what } of marks) {
  const kind = what.replace(/ \w+(, \w+)?$/, "");
  kinds[kind] = (kinds[kind] ?? 0) + 1;
}
console.log(`failures: ${JSON.stringify(kinds)}`);
console.log(
  `calls: ${sent.length} sent, ${outcomes.length} settled, ${
    sums.killed ?? 0
  } of clients that were killed`,
);
console.log(`outcomes: ${JSON.stringify(sums)}`);
console.log(`handler entries: ${JSON.stringify(entries)}`);
for (const name of [LASTING_CLIENT, LASTING_SERVER, "proxy"]) {
  console.log(`${name}: ${range(name)}`);
}
const problems = [...wrong.slice(0, 20), ...growths];
if (clients.some(({ failures }) => failures > 0)) {
  problems.push("a client has failed");
}
if (marks.length === 0) problems.push("nothing has failed");
for (const problem of problems) console.error(problem);
if (problems.length > 0) Deno.exit(1);
console.log("The ledger balances; memory and descriptors have not grown.");

/** Returns the medians of the thirds of a process's measurements. */
function range(name: string): string {
  const own = samples.filter((sample) => sample.name === name);
  const thirds = (value: (sample: Sample) => number) =>
    [0, 1, 2].map((third) => {
      const from = Math.floor(own.length * third / 3);
      const part = own.slice(from, Math.floor(own.length * (third + 1) / 3));
      const sorted = part.map(value).sort((a, b) => a - b);
      return sorted[sorted.length >> 1]?.toFixed(1);
    }).join(", ");
  return `heap ${thirds(({ heap }) => heap / 2 ** 20)} MiB, descriptors ${
    thirds(({ descriptors }) => descriptors)
  } (medians of the thirds)`;
}

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
  return plot([
    { title: "heap, MiB", series: series(({ heap }) => heap / 2 ** 20) },
    { title: "open descriptors", series: series((each) => each.descriptors) },
    { title: "median of calls, ms", series: series(({ median }) => median) },
    { title: "slowest call, ms", series: series(({ slowest }) => slowest) },
  ], marks);
}

function any<T>(from: readonly T[]): T {
  return from[random(from.length)]!; // never empty
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}
