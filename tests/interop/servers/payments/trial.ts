/**
 * The trial of payments: clients and servers are killed again and again, and the
 * ledger must agree with the outcomes that the clients have received.
 *
 * | a client has received | runs in the ledger |
 * | --- | --- |
 * | a receipt | 1, with this receipt |
 * | `processed: "no"` | 0 until then |
 * | `processed: "maybe"`, or nothing because it was killed | 0 or 1 |
 *
 * @module
 */
import { startRedis } from "../redis_server.ts";
import { POINTS } from "./crashing_server.ts";

/** Size of a trial. */
export interface TrialOptions {
  /** Number of payments. */
  payments: number;
  /** Crashes at each point that the trial must have had. */
  crashes: number;
  /** Number of times that a client is killed. */
  clientKills: number;
}

/** Result of a trial. */
export interface TrialResult {
  /** Violations: payments that ran twice, or whose outcome was untrue. */
  readonly violations: string[];
  /** Crashes of servers by point. */
  readonly crashes: Record<string, number>;
  /** Number of times that a client was killed. */
  readonly clientKills: number;
  /** Payments by what became of them. */
  readonly outcomes: Record<string, number>;
  /** Lines of the ledger. */
  readonly runs: number;
  /** Duration in ms. */
  readonly ms: number;
}

const SERVERS = 3;
const CLIENTS = 4;
const AT_ONCE = 4;
const LEASE = 1_000;

/** Runs a trial. */
export async function trial(options: TrialOptions): Promise<TrialResult> {
  const { payments, crashes, clientKills } = options;
  const start = performance.now();
  await using redis = await startRedis();
  const folder = await Deno.makeTempDir({ prefix: "lengthwise-payments-" });
  try {
    const ports = freePorts(SERVERS);
    const probability = 1.5 * crashes / payments;
    await using servers = new AsyncDisposableStack();
    for (const port of ports) {
      servers.use(
        new Supervised("crashing_server.ts", [
          ...[redis.port, port, folder, probability, LEASE],
        ]),
      );
    }
    const share = Math.ceil(payments / CLIENTS);
    const clients = Array.from({ length: CLIENTS }, (_, index) => {
      const first = index * share + 1;
      const last = Math.min(payments, first + share - 1);
      return new Supervised("paying_client.ts", [
        ...[`${folder}/client-${index}`, first, last, AT_ONCE, ...ports],
      ]);
    });
    const killed = await killWhileRunning(
      clients,
      clientKills,
      folder,
      payments,
    );
    await servers.disposeAsync();
    return {
      ...await judge(folder, payments),
      clientKills: killed,
      ms: Math.round(performance.now() - start),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A process that is started again until it ends with status 0. */
class Supervised implements AsyncDisposable {
  readonly ended: Promise<void>;
  #process: Deno.ChildProcess | undefined;
  #disposed = false;

  constructor(script: string, args: readonly (string | number)[]) {
    this.ended = this.#run(script, args.map(String));
  }

  async #run(script: string, args: string[]): Promise<void> {
    const path = new URL(script, import.meta.url).pathname;
    while (!this.#disposed) {
      this.#process = new Deno.Command(Deno.execPath(), {
        args: ["run", "--frozen", "--no-check", "--quiet", "-A", path, ...args],
        stdin: "null",
      }).spawn();
      const { success } = await this.#process.status;
      this.#process = undefined;
      if (success) return;
    }
  }

  /** Kills the process; returns whether it ran. */
  kill(): boolean {
    if (this.#process === undefined) return false;
    this.#process.kill("SIGKILL");
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.kill();
    await this.ended;
  }
}

/** Kills clients at equal distances of the payments' progress. */
async function killWhileRunning(
  clients: readonly Supervised[],
  kills: number,
  folder: string,
  payments: number,
): Promise<number> {
  const running = new Set(clients);
  const all = clients.map(async (client) => {
    await client.ended;
    running.delete(client);
  });
  let killed = 0;
  while (running.size > 0) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const due = Math.floor((kills + 1) * await progress(folder) / payments);
    if (killed >= Math.min(due, kills)) continue;
    const victims = [...running];
    const victim = victims[Math.floor(Math.random() * victims.length)];
    if (victim?.kill()) killed++;
  }
  await Promise.all(all);
  return killed;
}

/** Returns about how many payments are over. */
async function progress(folder: string): Promise<number> {
  const { size } = await Deno.stat(`${folder}/ledger`).catch(() => ({
    size: 0,
  }));
  return size / 56 / 0.8; // bytes of a line, and the share of payments that run
}

/** Compares the clients' notes with the ledger. */
async function judge(folder: string, payments: number) {
  const runs = new Map<string, string[]>();
  const firstAt = new Map<string, number>();
  for (
    const [id = "", receipt = "", time] of await linesOf(`${folder}/ledger`)
  ) {
    runs.set(id, [...runs.get(id) ?? [], receipt]);
    firstAt.set(id, Number(time));
  }
  const violations: string[] = [];
  for (const [id, receipts] of runs) {
    if (receipts.length > 1) {
      violations.push(`${id} ran ${receipts.length} times`);
    }
  }
  const outcomes: Record<string, number> = {};
  let over = 0;
  for (let index = 0; index < CLIENTS; index++) {
    const notes = await linesOf(`${folder}/client-${index}`);
    for (const [what = "", id = "", detail = "", time] of notes) {
      if (what === "start") continue;
      const name = what === "done" || what === "killed"
        ? what
        : `${what}: ${detail}`;
      outcomes[name] = (outcomes[name] ?? 0) + 1;
      if (what !== "no") over++;
      const ran = runs.get(id) ?? [];
      if (what === "done" && !ran.includes(detail)) {
        violations.push(`${id} returned ${detail}, and ran as ${ran}`);
      }
      if (what === "yes") violations.push(`${id} failed after it had run`);
      // A call with a key may have joined one of a client that was killed.
      const numbered = Number(id) % 2 === 1;
      if (what === "no" && numbered && firstAt.get(id)! < Number(time)) {
        violations.push(`${id} had run, and was said not to`);
      }
    }
  }
  if (over !== payments) violations.push(`${over} of ${payments} are over`);
  const crashes = Object.fromEntries(POINTS.map((point) => [point, 0]));
  for (const [point = ""] of await linesOf(`${folder}/crashes`)) {
    crashes[point] = (crashes[point] ?? 0) + 1;
  }
  const count = [...runs.values()].flat().length;
  return { violations, crashes, outcomes, runs: count };
}

async function linesOf(file: string): Promise<string[][]> {
  const text = await Deno.readTextFile(file).catch(() => "");
  return text.split("\n").filter((line) => line !== "")
    .map((line) => line.split(" "));
}

function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  return listeners.map((listener) => {
    const { port } = listener.addr;
    listener.close();
    return port;
  });
}

if (import.meta.main) {
  const [payments = "10000", crashes = "100", clientKills = "100"] = Deno.args;
  const result = await trial({
    payments: Number(payments),
    crashes: Number(crashes),
    clientKills: Number(clientKills),
  });
  console.log(JSON.stringify(result, null, 2));
  if (result.violations.length > 0) Deno.exit(1);
}
