/**
 * Rows of a small call beside bulk transfers in the same session.
 *
 * @module
 */
import { type ClientSession, connect } from "../../../mod.ts";
import { Bench, CHUNK, type Order } from "../programs/bench_protocol.ts";
import type { Ports } from "../programs/servers.ts";
import { Program } from "../processes.ts";
import { interleave, type Outcome, type Row } from "../row.ts";
import { median, quantile, short } from "../statistics.ts";
import { makeCalls } from "./unary.ts";

/** A bulk transfer that goes on until it is stopped. */
export interface Bulk {
  /** Ends the transfer and returns the number of bytes. */
  stop(): Promise<number>;
}

/** Begins a bulk transfer. */
export type StartBulk = (session: ClientSession<typeof Bench>) => Bulk;

/** Reads byte items until stopped. */
export const download: StartBulk = ({ remote }) => {
  let stopped = false;
  const reading = (async () => {
    let bytes = 0;
    for await (const { length } of remote.bytesDown(Number.MAX_SAFE_INTEGER)) {
      bytes += length;
      if (stopped) break;
    }
    return bytes;
  })();
  return {
    stop: () => {
      stopped = true;
      return reading;
    },
  };
};

/** Sends byte items until stopped; the server says how many bytes have arrived. */
export const upload: StartBulk = ({ remote }) => {
  const chunk = new Uint8Array(CHUNK).fill(7);
  let stopped = false;
  let sent = 0;
  const { result } = remote.bytesUp((function* () {
    while (!stopped) {
      sent += CHUNK;
      yield chunk;
    }
  })());
  return {
    async stop() {
      stopped = true;
      const bytes = await result;
      if (bytes !== sent) throw new Error(`${bytes} of ${sent} bytes arrived`);
      return bytes;
    },
  };
};

const CALLS = 2000;

async function measure(start: StartBulk, rounds: number): Promise<Outcome> {
  await using servers = Program.start("servers.ts");
  const ports: Ports = await servers.next();
  await using session = await connect(Bench, { port: ports.lengthwise });
  const echo = (order: Order) => session.remote.echo(order);
  const p99 = async () => quantile([...await makeCalls(echo, CALLS, 1)], 0.99);
  const rates: number[] = [];
  const found = await interleave(
    async () => {
      const begun = performance.now();
      const bulk = start(session);
      const time = await p99();
      rates.push(await bulk.stop() / (performance.now() - begun) / 1000);
      return time;
    },
    p99,
    rounds,
  );
  const note = `${short(median(rates))} MB/s of bulk at the same time`;
  return { ...found, unit: "µs", note };
}

/** The rows. */
export const ROWS: readonly Row[] = [
  {
    name: "beside_stream",
    title: "99th percentile of a unary call beside a stream of 64 KiB items",
    against: "the same in an idle session",
    target: { most: 3 },
    group: "rows",
    measure: ({ rounds = 9 }) => measure(download, rounds),
  },
  {
    name: "beside_upload",
    title: "99th percentile of a unary call beside an upload of 64 KiB items",
    against: "the same in an idle session",
    target: { most: 3 },
    group: "rows",
    measure: ({ rounds = 9 }) => measure(upload, rounds),
  },
];
