/**
 * Rows of many sessions: opening them, calls in each of them, and idle ones.
 *
 * @module
 */
import { connect } from "../../../mod.ts";
import { Bare, BareCaller, writeWhole } from "../programs/bare.ts";
import { Bench, ORDER, type Order } from "../programs/bench_protocol.ts";
import type { Ports } from "../programs/servers.ts";
import { Program } from "../processes.ts";
import {
  expectCount,
  interleave,
  type Measure,
  type Outcome,
  perSecond,
  type Row,
} from "../row.ts";
import { median } from "../statistics.ts";
import type { Call } from "./unary.ts";

const SESSIONS = 1000;
/** Calls that each session makes in a round, one at a time. */
const CALLS = 20;
/** Connections that are opened at once; fewer than the listener's backlog. */
const AT_ONCE = 200;

async function withServers(
  measure: (ports: Ports, servers: Program) => Promise<Outcome>,
): Promise<Outcome> {
  await using servers = Program.start("servers.ts");
  return await measure(await servers.next(), servers);
}

/** Makes a call at a time in each of many sessions. */
function manySessions(rounds: number): Promise<Outcome> {
  return withServers(async (ports) => {
    await using stack = new AsyncDisposableStack();
    const ours: Call[] = [];
    const bare: Call[] = [];
    while (ours.length < SESSIONS) {
      const session = await connect(Bench, { port: ports.lengthwise });
      stack.use(session);
      ours.push((order) => session.remote.echo(order));
      const caller = new BareCaller<Order>(await Bare.connect(ports.echo));
      stack.use(caller);
      bare.push((order) => caller.call(order));
    }
    const all = (calls: readonly Call[]): Measure => () =>
      perSecond(SESSIONS * CALLS, async () => {
        await Promise.all(calls.map(async (call, session) => {
          for (let at = 0; at < CALLS; at++) {
            const id = session * CALLS + at;
            const reply = await call({ ...ORDER, id });
            if (reply.id !== id) {
              throw new Error("The reply is of another call");
            }
          }
        }));
      });
    return {
      ...await interleave(all(ours), all(bare), rounds),
      unit: "calls/s",
    };
  });
}

/** Times a connection, its first result, and its end. */
function toFirstResult(early: boolean, rounds: number): Promise<Outcome> {
  return withServers(async (ports) => {
    const TIMES = 200;
    const p50 = (work: () => Promise<AsyncDisposable>): Measure => async () => {
      const times: number[] = [];
      while (times.length < TIMES) {
        const start = performance.now();
        const opened = await work();
        times.push((performance.now() - start) * 1000);
        await opened[Symbol.asyncDispose]();
      }
      return median(times);
    };
    const check = ({ id }: Order) => {
      if (id !== ORDER.id) throw new Error("The reply is of another call");
    };
    const found = await interleave(
      p50(async () => {
        const session = await connect(Bench, { port: ports.lengthwise }, {
          early,
        });
        check(await session.remote.echo(ORDER));
        return session;
      }),
      p50(async () => {
        const caller = new BareCaller<Order>(await Bare.connect(ports.echo));
        check(await caller.call(ORDER));
        return caller;
      }),
      rounds,
    );
    return { ...found, unit: "µs" };
  });
}

const OPENED = 1000;

/** Opens so many, some at once; returns what was opened. */
async function openMany<T>(open: () => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  while (opened.length < OPENED) {
    opened.push(
      ...await Promise.all(Array.from({ length: AT_ONCE }, () => open())),
    );
  }
  return opened;
}

/** Opens sessions, and connections until the server has accepted the last one. */
function opensPerSecond(rounds: number): Promise<Outcome> {
  return withServers(async (ports) => {
    const found = await interleave(
      async () => {
        let sessions: AsyncDisposable[] = [];
        const rate = await perSecond(OPENED, async () => {
          sessions = await openMany(() =>
            connect(Bench, { port: ports.lengthwise })
          );
        });
        await Promise.all(sessions.map((one) => one[Symbol.asyncDispose]()));
        return rate;
      },
      async () => {
        let conns: Deno.TcpConn[] = [];
        const rate = await perSecond(OPENED, async () => {
          conns = await openMany(async () => {
            const conn = await Deno.connect({ port: ports.accept });
            conn.setNoDelay(true);
            return conn;
          });
          // The server accepts in order, so its reply shows that it has all.
          const byte = Uint8Array.of(1);
          await writeWhole(conns.at(-1)!, byte);
          expectCount("bytes", await conns.at(-1)!.read(byte) ?? 0, 1);
        });
        for (const conn of conns) conn.close();
        return rate;
      },
      rounds,
    );
    return { ...found, unit: "opened/s" };
  });
}

const IDLE = 2000;

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
}

/** Measures the server's memory for each idle session, in a fresh process. */
async function idle(
  kind: "bare" | "1" | "500",
  figure: keyof Memory,
): Promise<number> {
  await using server = Program.start("idle_server.ts", [kind], [
    "--frozen",
    "--allow-net=127.0.0.1",
    "--allow-sys=systemMemoryInfo",
    "--v8-flags=--expose-gc",
  ]);
  const { port } = await server.next();
  await using client = Program.start("idle_client.ts", [kind, `${port}`]);
  await client.next();
  await client.ask(100); // what is allocated once
  const before: Memory = await server.ask("memory");
  await client.ask(IDLE);
  const after: Memory & { count: number } = await server.ask("memory");
  expectCount("sessions", after.count, IDLE + 100);
  return (after[figure] - before[figure]) / IDLE / 1000;
}

function idleRow(
  name: string,
  figure: keyof Memory,
  methods: "1" | "500",
  most: number,
): Row {
  const what = figure === "rss" ? "resident memory" : "heap";
  return {
    name,
    title: `${what} of an idle session at the server, ${methods} method${
      methods === "1" ? "" : "s"
    }`,
    against: "a bare connection that waits in a read",
    target: { most },
    group: "rows",
    async measure({ rounds = 2 }) {
      const found = await interleave(
        () => idle(methods, figure),
        () => idle("bare", figure),
        rounds,
      );
      return { ...found, unit: "KB", absolute: true };
    },
  };
}

/** The rows. */
export const ROWS: readonly Row[] = [
  {
    name: "sessions_1000",
    title: "1,000 sessions with 1 call in flight each",
    against: "a bare loop with 1,000 connections",
    target: { least: 0.85 },
    group: "rows",
    measure: ({ rounds = 9 }) => manySessions(rounds),
  },
  idleRow("idle_heap", "heapUsed", "1", 8),
  idleRow("idle_heap_500", "heapUsed", "500", 8),
  idleRow("idle_resident", "rss", "1", 18),
  idleRow("idle_resident_500", "rss", "500", 18),
  {
    name: "connect",
    title: "connecting and the first result",
    against: "a TCP connection and one bare round trip",
    target: { most: 3 },
    group: "rows",
    measure: ({ rounds = 9 }) => toFirstResult(false, rounds),
  },
  {
    name: "connect_early",
    title: "connecting and the first result, with `early`",
    against: "a TCP connection and one bare round trip",
    target: { most: 2 },
    group: "rows",
    measure: ({ rounds = 9 }) => toFirstResult(true, rounds),
  },
  {
    name: "opens",
    title: "sessions opened a second",
    against: "bare connections that are accepted",
    target: { least: 0.5 },
    group: "rows",
    measure: ({ rounds = 9 }) => opensPerSecond(rounds),
  },
];
