#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-run=deno,sh --allow-read=/proc/self
/**
 * Opens 10,000 connections (or as many as the descriptor limit allows), holds them,
 * sends one byte through each, and closes them. The server runs in a separate
 * process, once with this library and once as a bare loop over `Deno.listen`. The
 * benchmark compares its memory for each idle connection that waits in a `read` of
 * 2 KiB.
 *
 * @module
 */
import { type Connection, listen } from "@lengthwise/lengthwise/transport";

interface Result {
  openedPerSecond: number;
  /** Bytes of resident memory for each idle connection. */
  rss: number;
  /** Bytes of JavaScript heap for each idle connection. */
  heap: number;
}

const WANTED = 10_000;
/** Descriptors reserved for everything except connections. */
const RESERVE = 100;

interface Memory {
  rss: number;
  heapUsed: number;
}

/** Echoes data, and prints its memory use for each line of input. */
async function serve(kind: string): Promise<void> {
  const bare = kind === "bare";
  const listener = bare
    ? Deno.listen({ hostname: "127.0.0.1", port: 0 })
    : await listen({ port: 0 }, { maxConnections: Infinity });
  const echoing: Promise<void>[] = [];
  const accepting = (async () => {
    for (;;) {
      const connection: Connection = await listener.accept();
      echoing.push(echo(connection));
    }
  })().catch(() => {});
  console.log(JSON.stringify({ port: listener.addr.port }));
  for await (const _line of Deno.stdin.readable) {
    // The flag --expose-gc is set: collect garbage before measuring.
    Reflect.get(globalThis, "gc")();
    const { rss, heapUsed } = Deno.memoryUsage();
    console.log(JSON.stringify({ rss, heapUsed }));
  }
  listener.close();
  await accepting;
  await Promise.all(echoing);
}

async function echo(connection: Connection): Promise<void> {
  using socket = connection;
  const buffer = new Uint8Array(2 * 1024);
  for (;;) {
    const count = await socket.read(buffer);
    if (count === null) return;
    await socket.write(buffer.subarray(0, count));
  }
}

/** Returns the descriptor limit, according to `sh`. */
async function descriptorLimit(): Promise<number> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -n"] })
    .output();
  return Number(new TextDecoder().decode(stdout)) || Infinity;
}

async function measure(
  kind: string,
  connections: number,
): Promise<Result> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--v8-flags=--expose-gc",
      "--allow-net=127.0.0.1",
      "--allow-sys=systemMemoryInfo",
      import.meta.filename ?? "",
      kind,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const answers = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const ask = child.stdin.getWriter();
  const memory = async (): Promise<Memory> => {
    await ask.write(new Uint8Array([10]));
    return JSON.parse((await answers.read()).value ?? "");
  };
  const { port } = JSON.parse((await answers.read()).value ?? "");

  await hold(port, 100, () => Promise.resolve()); // warms up
  const before = await memory();
  let after = before;
  const ms = await hold(port, connections, async () => {
    after = await memory();
  });
  await ask.close();
  await answers.cancel();
  await child.status;
  return {
    openedPerSecond: Math.round(connections / (ms / 1000)),
    rss: Math.round((after.rss - before.rss) / connections),
    heap: Math.round((after.heapUsed - before.heapUsed) / connections),
  };
}

/** Opens connections, tests and closes them; returns the ms to open them. */
async function hold(
  port: number,
  count: number,
  whileHeld: () => Promise<void>,
): Promise<number> {
  const held: Deno.TcpConn[] = [];
  const start = performance.now();
  // Fewer at a time than the listener's backlog.
  while (held.length < count) {
    const batch = Math.min(200, count - held.length);
    held.push(
      ...await Promise.all(
        Array.from({ length: batch }, () => Deno.connect({ port })),
      ),
    );
  }
  const ms = performance.now() - start;
  const byte = new Uint8Array(1);
  for (const conn of held) {
    await conn.write(byte);
    if (await conn.read(byte) !== 1) throw new Error("A connection was lost");
  }
  await whileHeld();
  for (const conn of held) conn.close();
  return ms;
}

/** Measures both and prints the results, the bare loop first. */
export async function run(): Promise<void> {
  const limit = await descriptorLimit();
  const connections = Math.min(WANTED, limit - RESERVE);
  console.log(
    `${connections} connections, descriptor limit ${limit} for each of two processes`,
  );
  for (const kind of ["bare", "ours"]) {
    const { rss, heap, openedPerSecond } = await measure(kind, connections);
    console.log(
      `  ${kind}  ${rss} B resident, ${heap} B heap per idle connection; ${openedPerSecond} opened per second`,
    );
  }
}

if (import.meta.main) {
  const [kind] = Deno.args;
  if (kind === undefined) await run();
  else await serve(kind);
}
