/**
 * Unary calls between two processes, compared with `bare`: a hand-written loop with
 * `Deno.Conn`, a u32 prefix, msgpackr and one write per event-loop turn, without
 * further features.
 *
 * @module
 */
// @ts-types="npm:msgpackr@2.1.3"
import { Packr } from "msgpackr/index-no-eval";
import { connect, protocol, serve, unary } from "../../mod.ts";

/** About 170 bytes as JSON. */
const ORDER = {
  id: 184_467,
  customer: "c-20931",
  sku: "WIDGET-BLUE-42",
  quantity: 3,
  price: 1299,
  currency: "EUR",
  tags: ["priority", "gift"],
  address: { city: "Lisbon", zip: "1100-148" },
  paid: true,
};

type Order = typeof ORDER;

const Bench = protocol({
  name: "bench",
  server: { echo: unary<Order, Order>() },
});

/** A way to make a call. */
interface Caller extends AsyncDisposable {
  call(order: Order): Promise<Order>;
}

const ROUNDS = 7;
const CALLS = { 1: 6_000, 64: 120_000 } as const; // keys: calls in flight

/** Measures 1 and 64 calls in flight. */
export async function run(): Promise<void> {
  await using servers = await startServers();
  for (const inFlight of [1, 64] as const) {
    const callers = {
      bare: await bareCaller(servers.ports[0]),
      lengthwise: await lengthwiseCaller(servers.ports[1]),
    };
    await measure(callers, inFlight, CALLS[inFlight] / 4); // warm up
    const rounds: Record<string, Sample[]> = { bare: [], lengthwise: [] };
    for (let round = 0; round < ROUNDS; round++) {
      const samples = await measure(callers, inFlight, CALLS[inFlight]);
      for (const [name, sample] of Object.entries(samples)) {
        rounds[name]!.push(sample);
      }
    }
    for (const caller of Object.values(callers)) {
      await caller[Symbol.asyncDispose]();
    }
    report(inFlight, rounds);
  }
}

interface Sample {
  perSecond: number;
  p50: number;
  p99: number;
  /** CPU time of both processes, µs per call. */
  cpu: number;
}

async function measure(
  callers: Record<string, Caller>,
  inFlight: number,
  calls: number,
): Promise<Record<string, Sample>> {
  const samples: Record<string, Sample> = {};
  for (const [name, caller] of Object.entries(callers)) {
    samples[name] = await measureOne(caller, inFlight, calls);
  }
  return samples;
}

async function measureOne(
  caller: Caller,
  inFlight: number,
  calls: number,
): Promise<Sample> {
  const latencies = new Float64Array(calls);
  let begun = 0;
  const cpu = cpuTime();
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (begun < calls) {
      const index = begun++;
      const at = performance.now();
      const { id } = await caller.call(ORDER);
      if (id !== ORDER.id) throw new Error("The reply does not match the call");
      latencies[index] = performance.now() - at;
    }
  }));
  const elapsed = performance.now() - start;
  latencies.sort();
  return {
    perSecond: calls / elapsed * 1000,
    p50: latencies[calls >> 1]! * 1000,
    p99: latencies[Math.floor(calls * 0.99)]! * 1000,
    cpu: (cpuTime() - cpu) / calls,
  };
}

let serverPid = 0;

/** Returns the CPU time of all processes, µs; less affected by other load than the clock. */
function cpuTime(): number {
  return ["self", serverPid].reduce((sum: number, pid) => {
    const [, , , , , , , , , , , , , user, system] = Deno.readTextFileSync(
      `/proc/${pid}/stat`,
    ).split(" ");
    return sum + (Number(user) + Number(system)) * 10_000; // ticks of 10 ms
  }, 0);
}

function report(inFlight: number, rounds: Record<string, Sample[]>): void {
  console.log(
    `\nUnary calls, two processes, ${inFlight} in flight (median of ${ROUNDS} rounds)`,
  );
  const bare = median(rounds["bare"]!);
  for (const [name, samples] of Object.entries(rounds)) {
    const { perSecond, p50, p99, cpu } = median(samples);
    const columns = [
      name.padEnd(12),
      `${Math.round(perSecond).toLocaleString("en").padStart(9)} calls/s`,
      `p50 ${p50.toFixed(0).padStart(5)} µs`,
      `p99 ${p99.toFixed(0).padStart(6)} µs`,
      `CPU ${cpu.toFixed(1).padStart(5)} µs`,
      ` ${(perSecond / bare.perSecond).toFixed(2)} × calls/s`,
      `${(p50 / bare.p50).toFixed(2)} × p50`,
      `${(cpu / bare.cpu).toFixed(2)} × CPU`,
    ];
    console.log(`  ${columns.join("  ")}`);
  }
}

function median(samples: Sample[]): Sample {
  const middle = (key: keyof Sample) =>
    samples.map((one) => one[key]).sort((a, b) => a - b)[samples.length >> 1]!;
  return {
    perSecond: middle("perSecond"),
    p50: middle("p50"),
    p99: middle("p99"),
    cpu: middle("cpu"),
  };
}

// ── bare ─────────────────────────────────────────────────────────────────

/** Frames with u32 length and msgpack, written once per turn. */
class Bare {
  readonly #packr = new Packr({ useRecords: false });
  readonly #conn: Deno.TcpConn;
  #out: Uint8Array[] = [];
  #flushing = false;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  send(value: unknown): void {
    this.#out.push(this.#packr.pack(value));
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  async #flush(): Promise<void> {
    while (this.#out.length > 0) {
      const frames = this.#out;
      this.#out = [];
      let size = 0;
      for (const { length } of frames) size += 4 + length;
      const bytes = new Uint8Array(size);
      const view = new DataView(bytes.buffer);
      let at = 0;
      for (const frame of frames) {
        view.setUint32(at, frame.length);
        bytes.set(frame, at + 4);
        at += 4 + frame.length;
      }
      for (let done = 0; done < bytes.length;) {
        done += await this.#conn.write(bytes.subarray(done));
      }
    }
    this.#flushing = false;
  }

  async receive(onValue: (value: unknown) => void): Promise<void> {
    const buffer = new Uint8Array(65_536);
    const view = new DataView(buffer.buffer);
    let end = 0;
    for (let n; (n = await this.#conn.read(buffer.subarray(end))) !== null;) {
      end += n;
      let at = 0;
      while (end - at >= 4) {
        const length = view.getUint32(at);
        if (end - at - 4 < length) break;
        onValue(this.#packr.unpack(buffer.subarray(at + 4, at + 4 + length)));
        at += 4 + length;
      }
      buffer.copyWithin(0, at, end);
      end -= at;
    }
  }
}

async function bareCaller(port: number): Promise<Caller> {
  const conn = await Deno.connect({ port, hostname: "127.0.0.1" });
  const bare = new Bare(conn);
  const pending = new Map<number, (order: Order) => void>();
  let id = 0;
  const received = bare.receive((value) => {
    const [id, order] = value as [number, Order]; // what the bare server sends
    pending.get(id)?.(order);
    pending.delete(id);
  });
  return {
    call: (order) =>
      new Promise((resolve) => {
        pending.set(++id, resolve);
        bare.send([id, order]);
      }),
    async [Symbol.asyncDispose]() {
      await conn.closeWrite();
      await received;
      conn.close();
    },
  };
}

function serveBare(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  (async () => {
    for await (const conn of listener) {
      const bare = new Bare(conn);
      bare.receive((value) => bare.send(value)).then(() => conn.close());
    }
  })();
  return listener.addr.port;
}

// ── lengthwise ───────────────────────────────────────────────────────────

async function lengthwiseCaller(port: number): Promise<Caller> {
  const session = await connect(Bench, { port });
  return {
    call: (order) => session.remote.echo(order),
    [Symbol.asyncDispose]: () => session.close(),
  };
}

async function serveLengthwise(): Promise<number> {
  const server = await serve(Bench, { port: 0 }).handle({
    echo: (order) => order,
  });
  return server.addr.port!; // it listens on TCP
}

// ── two processes ────────────────────────────────────────────────────────

async function startServers(): Promise<
  AsyncDisposable & { ports: [number, number] }
> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", "--allow-net=127.0.0.1", import.meta.filename!],
    stdout: "piped",
  }).spawn();
  serverPid = child.pid;
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const [bare = 0, lengthwise = 0] = new TextDecoder().decode(value).split(" ")
    .map(Number);
  return {
    ports: [bare, lengthwise],
    async [Symbol.asyncDispose]() {
      child.kill();
      await reader.cancel();
      await child.status;
    },
  };
}

if (import.meta.main) {
  console.log(`${serveBare()} ${await serveLengthwise()}`);
}
