/**
 * Rows of a link with a delay. With `--connect`, the link is between this process
 * and one that runs with `--serve`; otherwise it is a relay on this machine.
 *
 * @module
 */
import { type ClientSession, connect } from "../../../mod.ts";
import { Bare } from "../programs/bare.ts";
import { Bench, CHUNK, type Order } from "../programs/bench_protocol.ts";
import { PORTS, type Ports } from "../programs/servers.ts";
import type { LinkOptions } from "../link_queue.ts";
import type { BenchOptions } from "../options.ts";
import { Program } from "../processes.ts";
import type { Outcome, Row } from "../row.ts";
import { median, short } from "../statistics.ts";
import { download } from "./beside.ts";
import { makeCalls } from "./unary.ts";

/** Serves for clients at the other end of a link, until it is stopped. */
export async function serveLink(
  { hostname, port }: { hostname: string; port: number },
): Promise<void> {
  await using servers = Program.start("servers.ts", [hostname, `${port}`]);
  const ports = await servers.next();
  console.log(`Serving on ${hostname}, ports ${ports.lengthwise} and after`);
  await new Promise(() => {});
}

/** Where the servers are reached. */
interface Ends extends AsyncDisposable {
  readonly hostname: string;
  readonly ports: Pick<Ports, "lengthwise" | "bytesDown" | "accept">;
}

const NAMES = ["lengthwise", "bytesDown", "accept"] as const;

async function open(
  { connect }: BenchOptions,
  link: LinkOptions,
): Promise<Ends> {
  if (connect !== undefined) {
    const { hostname, port } = connect;
    const at = (name: keyof Ports) => port + PORTS.indexOf(name);
    return {
      hostname,
      ports: {
        lengthwise: at("lengthwise"),
        bytesDown: at("bytesDown"),
        accept: at("accept"),
      },
      async [Symbol.asyncDispose]() {},
    };
  }
  const servers = Program.start("servers.ts");
  const targets: Ports = await servers.next();
  const relay = Program.start("relay.ts", [
    JSON.stringify(link),
    ...NAMES.map((name) => `${targets[name]}`),
  ]);
  const [lengthwise, bytesDown, accept]: number[] = await relay.next();
  return {
    hostname: "127.0.0.1",
    ports: {
      lengthwise: lengthwise!, // one port for each name
      bytesDown: bytesDown!,
      accept: accept!,
    },
    async [Symbol.asyncDispose]() {
      await relay[Symbol.asyncDispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

/** Returns the ms of a round trip of one byte over a bare connection. */
async function roundTrip({ hostname, ports }: Ends): Promise<number> {
  const conn = await Deno.connect({ hostname, port: ports.accept });
  conn.setNoDelay(true);
  const byte = Uint8Array.of(1);
  const times: number[] = [];
  while (times.length < 5) {
    const start = performance.now();
    await conn.write(byte);
    if (await conn.read(byte) !== 1) throw new Error("The connection ended");
    times.push(performance.now() - start);
  }
  conn.close();
  return median(times);
}

const STEP = 100;

/** Counts bytes in steps of 100 ms. */
class Meter {
  readonly steps: number[] = [];
  readonly #start = performance.now();

  add(bytes: number): void {
    const step = Math.floor((performance.now() - this.#start) / STEP);
    this.steps[step] = (this.steps[step] ?? 0) + bytes;
  }

  /** Returns MB/s between two times in seconds. */
  rate(from: number, to: number): number {
    let bytes = 0;
    for (let at = from * 1000 / STEP; at < to * 1000 / STEP; at++) {
      bytes += this.steps[Math.floor(at)] ?? 0;
    }
    return bytes / (to - from) / 1e6;
  }

  /** Returns the seconds until a second's rate was reached for the first time. */
  reached(rate: number): number | undefined {
    const steps = 1000 / STEP;
    for (let at = 0; at + steps <= this.steps.length; at++) {
      if (this.rate(at / steps, at / steps + 1) >= rate) return at / steps;
    }
    return undefined;
  }
}

/** Lets a transfer run for some seconds, and returns what has arrived. */
async function transfer(
  seconds: number,
  run: (onBytes: (bytes: number) => boolean) => Promise<void>,
): Promise<Meter> {
  const meter = new Meter();
  const end = performance.now() + seconds * 1000;
  await run((bytes) => {
    meter.add(bytes);
    return performance.now() < end;
  });
  return meter;
}

/** Compares one stream with a bare transfer after the same time for warming up. */
async function oneStream(
  options: BenchOptions,
  link: LinkOptions,
): Promise<Outcome> {
  const { seconds, warmup, rounds = 1 } = options;
  await using ends = await open(options, link);
  const rtt = await roundTrip(ends);
  const end = warmup + seconds;
  const values: number[] = [];
  const others: number[] = [];
  const times: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const bare = await transfer(end, async (onBytes) => {
      const connection = await Bare.connect(
        ends.ports.bytesDown,
        ends.hostname,
      );
      connection.send(Number.MAX_SAFE_INTEGER);
      const buffer = new Uint8Array(CHUNK);
      for (let n; (n = await connection.conn.read(buffer)) !== null;) {
        if (buffer[0] !== 7) throw new Error("Damaged bytes");
        if (!onBytes(n)) break;
      }
      connection.conn.close();
    });
    const session = await dial(ends);
    const ours = await transfer(end, async (onBytes) => {
      const items = session.remote.bytesDown(Number.MAX_SAFE_INTEGER);
      for await (const item of items) {
        if (item.length !== CHUNK || item[0] !== 7) {
          throw new Error("An item is damaged");
        }
        if (!onBytes(item.length)) break;
      }
    });
    await session.close();
    others.push(bare.rate(warmup, end));
    values.push(ours.rate(warmup, end));
    const wanted = 0.9 * others.at(-1)!;
    const at = (meter: Meter) => {
      const time = meter.reached(wanted);
      return time === undefined ? "never" : `after ${time.toFixed(1)} s`;
    };
    times.push(
      `0.9 of bare reached ${at(ours)}, by bare itself ${at(bare)}`,
    );
  }
  const note = `measured round trip ${short(rtt)} ms, ${warmup} + ${seconds} s`;
  return { values, others, unit: "MB/s", note: [note, ...times].join("; ") };
}

async function dial(
  { hostname, ports }: Ends,
): Promise<ClientSession<typeof Bench>> {
  return await connect(Bench, { hostname, port: ports.lengthwise });
}

const STREAMS = 8;

/** Compares calls beside streams with calls in an idle session. */
async function besideStreams(
  options: BenchOptions,
  link: LinkOptions,
): Promise<Outcome> {
  const { seconds, warmup, rounds = 1 } = options;
  await using ends = await open(options, link);
  await using session = await dial(ends);
  const echo = (order: Order) => session.remote.echo(order);
  const p50 = async (forSeconds: number) => {
    const times: number[] = [];
    const end = performance.now() + forSeconds * 1000;
    while (performance.now() < end) times.push(...await makeCalls(echo, 1, 1));
    return median(times) / 1000;
  };
  const values: number[] = [];
  const others: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    others.push(await p50(Math.min(3, seconds)));
    const alone = await throughput(session, warmup + seconds, warmup);
    const bulks = Array.from({ length: STREAMS }, () => download(session));
    await p50(warmup);
    values.push(await p50(seconds));
    const start = session.stats.bytesReceived;
    const begun = performance.now();
    await p50(seconds);
    const bytes = session.stats.bytesReceived - start;
    rates.push(bytes / (performance.now() - begun) / 1000);
    await Promise.all(bulks.map((bulk) => bulk.stop()));
    rates.push(alone);
  }
  return {
    values,
    others,
    unit: "ms",
    note: `${short(rates[0]!)} MB/s beside calls, ${
      short(rates[1]!)
    } MB/s without them, ${warmup} + ${seconds} s`,
  };
}

/** Returns the MB/s of streams without calls. */
async function throughput(
  session: ClientSession<typeof Bench>,
  seconds: number,
  warmup: number,
): Promise<number> {
  const bulks = Array.from({ length: STREAMS }, () => download(session));
  const wait = (s: number) => new Promise((next) => setTimeout(next, s * 1000));
  await wait(warmup);
  const start = session.stats.bytesReceived;
  const begun = performance.now();
  await wait(seconds - warmup);
  const bytes = session.stats.bytesReceived - start;
  const rate = bytes / (performance.now() - begun) / 1000;
  await Promise.all(bulks.map((bulk) => bulk.stop()));
  return rate;
}

/** 160 Mbit/s: slow enough that the relay is never the limit. */
const RATE = 20e6;

/** The rows. */
export const ROWS: readonly Row[] = [
  ...[20, 100, 300].map((ms): Row => ({
    name: `link_${ms}`,
    title: `one stream of 64 KiB items over a round trip of ${ms} ms`,
    against: "bare TCP",
    target: { least: 0.9 },
    group: "link",
    measure: (options) =>
      oneStream(options, { delay: ms / 2, rate: RATE, queue: 2e6 }),
  })),
  {
    name: "link_beside",
    title: "unary call beside 8 streams, round trip of 20 ms, 100 Mbit/s",
    against: "the same call in an idle session",
    target: { most: 1.5 },
    group: "link",
    measure: (options) =>
      besideStreams(options, { delay: 10, rate: 12.5e6, queue: 250_000 }),
  },
];
