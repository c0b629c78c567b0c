#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A pool of workers: they dial in, and the server calls them. Jobs have a
 * deadline, and a job that nobody needs any more is cancelled at its worker.
 *
 * @module
 */
import {
  CallError,
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

/** Workers that have nothing to do, and jobs that wait for one. */
class Queue {
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  free(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
  }

  async run(job: number, ms: number, signal?: AbortSignal): Promise<string> {
    const worker = this.#idle.shift() ??
      await new Promise<Worker>((resolve) => this.#waiting.push(resolve));
    try {
      const options = signal === undefined
        ? { timeout: 500 }
        : { timeout: 500, signal };
      return await worker.remote.work({ job, ms }, options);
    } catch (error) {
      if (error instanceof CallError) return `job ${job}: ${error.code}`;
      throw error;
    } finally {
      this.free(worker);
    }
  }
}

const queue = new Queue();
await using server = await serve(Pool, {
  register: (_, { session }) => queue.free(session),
}, { port: 0 });

async function startWorker(name: string) {
  const session = await connect(Pool, server.addr, {
    handlers: {
      async work({ job, ms }, { signal }) {
        await pause(ms, signal);
        return `job ${job}: done`;
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

await using _anna = await startWorker("Anna");
await using _bert = await startWorker("Bert");

const quick = [1, 2, 3, 4].map((job) => queue.run(job, 5));
for (const line of await Promise.all(quick)) console.log(line);

console.log(await queue.run(5, 60_000)); // its time runs out, and its worker is told

const controller = new AbortController();
const unwanted = queue.run(6, 60_000, controller.signal);
setTimeout(() => controller.abort(), 20);
console.log(await unwanted);
console.log(await queue.run(7, 5)); // the workers are free again
