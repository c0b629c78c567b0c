#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A worker pool: workers connect, and the server calls them. Jobs have
 * deadlines, cancelling a job aborts the worker's handler, and a job whose
 * worker disconnects moves to another worker.
 *
 * @module
 */
import {
  CallError,
  type CallOptions,
  connect,
  protocol,
  serve,
  type ServerSession,
  unary,
} from "@lengthwise/lengthwise";

const Pool = protocol({
  name: "pool",
  server: { register: unary<{ name: string }, void>() },
  client: { work: unary<{ job: number; ms: number }, string>() },
});

type Worker = ServerSession<typeof Pool>;

/** Idle workers, and jobs waiting for a worker. */
class Queue {
  readonly #idle = new Set<Worker>();
  readonly #waiting: ((worker: Worker) => void)[] = [];

  join(worker: Worker): void {
    this.#free(worker);
    worker.finished.then(() => this.#idle.delete(worker)); // it has disconnected
  }

  #free(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.add(worker);
    else next(worker);
  }

  async #worker(): Promise<Worker> {
    const [worker] = this.#idle;
    if (worker === undefined) {
      return await new Promise((resolve) => this.#waiting.push(resolve));
    }
    this.#idle.delete(worker);
    return worker;
  }

  /** Runs a job, and runs it again if its worker leaves. */
  async run(
    job: number,
    ms: number,
    options: CallOptions = { timeout: 30_000 },
  ): Promise<string> {
    const worker = await this.#worker();
    try {
      const outcome = await worker.remote.work({ job, ms }, options);
      this.#free(worker);
      return outcome;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      // It left while it worked, or before it looked at the job.
      if (error.code === "disconnected" || error.code === "unavailable") {
        return await this.run(job, ms, options);
      }
      this.#free(worker);
      return `job ${job}: ${error.code}`;
    }
  }
}

const queue = new Queue();
await using server = await serve(Pool, { port: 0 }).handle({
  register: (_, { session }) => queue.join(session),
});

/** Called when a worker begins a job. */
const onStart = new Map<number, () => void>();

function started(job: number): Promise<void> {
  return new Promise((resolve) => onStart.set(job, resolve));
}

async function startWorker(name: string) {
  const session = await connect(Pool, server.addr, {
    handlers: {
      async work({ job, ms }, { signal }) {
        signal.addEventListener("abort", () => {
          console.log(`${name} drops job ${job}: ${signal.reason.code}`);
        });
        onStart.get(job)?.();
        await pause(ms, signal);
        return `job ${job}: done by ${name}`;
      },
    },
  });
  await session.remote.register({ name });
  return session;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    reject(signal.reason);
  });
  return promise;
}

await using anna = await startWorker("Anna");
await using _bert = await startWorker("Bert");

const quick = [1, 2, 3, 4].map((job) => queue.run(job, 5));
for (const line of await Promise.all(quick)) console.log(line);

// The deadline passes, and the worker is notified.
console.log(await queue.run(5, 60_000, { timeout: 500 }));

const controller = new AbortController();
const unwanted = queue.run(6, 60_000, { signal: controller.signal });
await started(6);
controller.abort();
console.log(await unwanted);

const two = [queue.run(7, 50), queue.run(8, 50)];
await started(7);
await anna.close();
for (const line of await Promise.all(two)) console.log(line); // Bert does both
