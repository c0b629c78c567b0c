/**
 * Workers that run parts of a benchmark at the same time.
 *
 * @module
 */
import type { ByteCounts } from "../counted_io.ts";
import type { Io } from "../io.ts";
import { WorkerLink } from "../worker_link.ts";
import { type BenchJob, splitJob } from "./bench_job.ts";
import { type Generators, LoadRun } from "./load_run.ts";
import { Measurements, type MeasurementsData } from "./measurements.ts";
import { errorOf, failureOf, type SentFailure } from "./sent_failure.ts";

/** Measurements of a worker. */
interface Part {
  readonly data: MeasurementsData;
  readonly bytes: ByteCounts;
  /** Why one of its sessions ended early. */
  readonly lost: SentFailure | undefined;
}

/** A message to a worker: its job, then the beginning, then perhaps the end. */
type ToWorker = { readonly job: BenchJob } | "start" | "stop";

/** A message of a worker: its sessions are open, then what it has measured. */
type FromWorker =
  | "ready"
  | { readonly part: Part }
  | { readonly failure: SentFailure };

/** The workers of a benchmark, and the sums of their results. */
export class BenchWorkers implements Generators {
  readonly measurements: Measurements;
  readonly bytes: ByteCounts = { sent: 0, received: 0 };
  lost: Error | undefined = undefined;
  readonly #links: readonly WorkerLink[];

  private constructor(links: readonly WorkerLink[], duration: number) {
    this.#links = links;
    this.measurements = new Measurements(duration);
  }

  /**
   * Starts workers with parts of a job, and opens their sessions.
   *
   * @throws the error of a worker that cannot open them
   */
  static async open(
    job: BenchJob,
    count: number,
    io: Io,
  ): Promise<BenchWorkers> {
    const jobs = splitJob(job, count);
    const links = jobs.map(() => openLink(io));
    const workers = new BenchWorkers(links, job.load.duration);
    try {
      await Promise.all(links.map(async (link, index) => {
        send(link, { job: jobs[index]! }); // there is one for each link
        await next(link); // "ready"
      }));
      return workers;
    } catch (error) {
      await workers.close();
      throw error;
    }
  }

  async run(): Promise<void> {
    for (const link of this.#links) send(link, "start");
    await Promise.all(this.#links.map(async (link) => {
      const message = await next(link);
      if (message !== "ready") this.#add(message.part);
    }));
  }

  #add({ data, bytes, lost }: Part): void {
    this.measurements.add(data);
    this.bytes.sent += bytes.sent;
    this.bytes.received += bytes.received;
    if (lost === undefined) return;
    this.lost ??= errorOf(lost);
    this.stop(); // as a benchmark without workers does
  }

  stop(): void {
    for (const link of this.#links) send(link, "stop");
  }

  close(): Promise<void> {
    this.stop();
    for (const link of this.#links) link.close();
    return Promise.resolve();
  }
}

function openLink(io: Io): WorkerLink {
  const worker = io.openWorker((error) => link.fail(error));
  const link = new WorkerLink(worker.port, () => worker.close());
  return link;
}

/** Runs the job that a link brings; the main function of a worker. */
export async function serveBenchWorker(
  link: WorkerLink,
  io: Io,
): Promise<void> {
  try {
    reply(link, { part: await partOf(link, io) });
  } catch (error) {
    reply(link, { failure: failureOf(error) });
  }
}

async function partOf(link: WorkerLink, io: Io): Promise<Part> {
  const message = await link.receive() as ToWorker; // only BenchWorkers sends
  if (typeof message === "string") throw new TypeError("A job is missing");
  const run = await LoadRun.open(message.job, io);
  try {
    reply(link, "ready");
    if (await link.receive() === "start") {
      link.receive().then(() => run.stop()); // "stop"
      await run.run();
    }
  } finally {
    await run.close();
  }
  const { measurements, bytes, lost } = run;
  return {
    data: measurements.toData(),
    bytes,
    lost: lost && failureOf(lost),
  };
}

function send(link: WorkerLink, message: ToWorker): void {
  link.send(message);
}

function reply(link: WorkerLink, message: FromWorker): void {
  link.send(message);
}

async function next(
  link: WorkerLink,
): Promise<Exclude<FromWorker, { failure: SentFailure }>> {
  const message = await link.receive() as FromWorker; // only workers reply
  if (typeof message !== "string" && "failure" in message) {
    throw errorOf(message.failure);
  }
  return message;
}
