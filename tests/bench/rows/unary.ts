/**
 * Rows of unary calls over one connection.
 *
 * @module
 */
import { connect } from "../../../mod.ts";
import { Bare, BareCaller } from "../programs/bare.ts";
import { Bench, ORDER, type Order } from "../programs/bench_protocol.ts";
import type { Ports } from "../programs/servers.ts";
import { cpuTime, Program } from "../processes.ts";
import { interleave, type Outcome, type Row } from "../row.ts";
import { median, ratios, short } from "../statistics.ts";

/** Makes a call. */
export type Call = (order: Order) => Promise<Order>;

/** Makes calls, so many at a time, and returns the time of each in µs. */
export async function makeCalls(
  call: Call,
  calls: number,
  inFlight: number,
): Promise<Float64Array> {
  const times = new Float64Array(calls);
  let begun = 0;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (begun < calls) {
      const index = begun++;
      const at = performance.now();
      const { id } = await call({ ...ORDER, id: index });
      if (id !== index) throw new Error("The reply is of another call");
      times[index] = (performance.now() - at) * 1000;
    }
  }));
  return times;
}

/** Compares calls a second. */
export async function callsPerSecond(
  ours: Call,
  other: Call,
  { calls, inFlight, rounds, pid }: {
    calls: number;
    inFlight: number;
    rounds: number;
    /** Process of the server. */
    pid: number;
  },
): Promise<Outcome> {
  const cpu: Record<"ours" | "other", number[]> = { ours: [], other: [] };
  const subject = (name: "ours" | "other", call: Call) => async () => {
    const used = () => cpuTime("self") + cpuTime(pid);
    const [start, before] = [performance.now(), used()];
    await makeCalls(call, calls, inFlight);
    const rate = calls / (performance.now() - start) * 1000;
    cpu[name].push((used() - before) / calls);
    return rate;
  };
  const found = await interleave(
    subject("ours", ours),
    subject("other", other),
    rounds,
  );
  const used = median(ratios(cpu.ours.slice(1), cpu.other.slice(1)));
  return {
    ...found,
    unit: "calls/s",
    note: `processor time of both ends ${short(used)} ×`,
  };
}

/** Calls as `callsPerSecond()` makes them, over TCP. */
async function overTcp(
  measure: (ours: Call, bare: Call, pid: number) => Promise<Outcome>,
): Promise<Outcome> {
  await using servers = Program.start("servers.ts");
  const ports: Ports = await servers.next();
  await using session = await connect(Bench, { port: ports.lengthwise });
  await using bare = new BareCaller<Order>(await Bare.connect(ports.echo));
  return await measure(
    (order) => session.remote.echo(order),
    (order) => bare.call(order),
    servers.pid,
  );
}

/** The rows. */
export const ROWS: readonly Row[] = [
  {
    name: "unary_64",
    title: "unary calls of 170 B, 64 in flight",
    against: "a bare loop",
    target: { least: 2.2 },
    group: "rows",
    measure: ({ rounds = 7 }) =>
      overTcp((ours, bare, pid) =>
        callsPerSecond(ours, bare, {
          calls: 120_000,
          inFlight: 64,
          rounds,
          pid,
        })
      ),
  },
  {
    name: "unary_1",
    title: "median time of a unary call of 170 B, 1 in flight",
    against: "a bare loop",
    target: { most: 1.05 },
    group: "rows",
    measure: ({ rounds = 9 }) =>
      overTcp(async (ours, bare) => {
        const p50 = (call: Call) => async () =>
          median([...await makeCalls(call, 6000, 1)]);
        return {
          ...await interleave(p50(ours), p50(bare), rounds),
          unit: "µs",
        };
      }),
  },
  {
    name: "unary_256",
    title: "unary calls of 170 B, 256 in flight",
    against: "a bare loop (`bench:peers` has Go's net/rpc)",
    group: "rows",
    measure: ({ rounds = 7 }) =>
      overTcp((ours, bare, pid) =>
        callsPerSecond(ours, bare, {
          calls: 120_000,
          inFlight: 256,
          rounds,
          pid,
        })
      ),
  },
  {
    name: "tls_64",
    title: "unary calls of 170 B over TLS, 64 in flight",
    against: "a bare loop over `Deno.connectTls`",
    target: { least: 0.95 },
    group: "rows",
    async measure({ rounds = 7 }) {
      await using servers = Program.start("tls_servers.ts");
      const { ports, caCerts } = await servers.next();
      const dial = async (port: number) => {
        const hostname = "127.0.0.1";
        const conn = await Deno.connect({ port, hostname });
        conn.setNoDelay(true);
        return await Deno.startTls(conn, { hostname, caCerts });
      };
      const conn = await dial(ports.lengthwise);
      await using session = await connect(Bench, conn);
      await using bare = new BareCaller<Order>(
        new Bare(await dial(ports.echo)),
      );
      return await callsPerSecond(
        (order) => session.remote.echo(order),
        (order) => bare.call(order),
        { calls: 60_000, inFlight: 64, rounds, pid: servers.pid },
      );
    },
  },
];
