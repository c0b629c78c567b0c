/**
 * Runs the calls of a benchmark on sessions of its own.
 *
 * @module
 */
import {
  CallError,
  type SessionError,
} from "../../messages/errors/call_error.ts";
import { sendsItems } from "../../messages/session/calls/call_state.ts";
import type { ClientSession } from "../../messages/client/client_session.ts";
import type { AnyProtocol } from "../../messages/protocol/protocol_types.ts";
import { openSession } from "../connecting.ts";
import { type ByteCounts, countedIo } from "../counted_io.ts";
import {
  callerOf,
  type DynamicStream,
  protocolOf,
  replyOf,
} from "../dynamic_method.ts";
import type { Io } from "../io.ts";
import type { BenchJob } from "./bench_job.ts";
import { type Attempt, generateLoad, type MakeCall } from "./load.ts";
import { Measurements } from "./measurements.ts";

type Sessions = readonly ClientSession<AnyProtocol>[];

/** One or several generators with open sessions. */
export interface Generators {
  /** The measurements, which are complete after the run. */
  readonly measurements: Measurements;
  /** Bytes on all connections. */
  readonly bytes: ByteCounts;
  /** Why a session ended before the run did, if one did. */
  readonly lost: Error | undefined;
  /** Makes all calls, unless the run is stopped. */
  run(): Promise<void>;
  /** Makes no further calls. */
  stop(): void;
  /** Closes the sessions. */
  close(): Promise<void>;
}

/** A generator in this process. */
export class LoadRun implements Generators {
  readonly measurements: Measurements;
  readonly bytes: ByteCounts;
  readonly #job: BenchJob;
  readonly #io: Io;
  readonly #sessions: Sessions;
  readonly #stop: AbortController = new AbortController();
  #lost: SessionError | undefined = undefined;

  private constructor(
    job: BenchJob,
    io: Io,
    sessions: Sessions,
    bytes: ByteCounts,
  ) {
    this.#job = job;
    this.#io = io;
    this.#sessions = sessions;
    this.bytes = bytes;
    this.measurements = new Measurements(job.load.duration);
    for (const { finished } of sessions) {
      finished.then((reason) => this.#ended(reason));
    }
  }

  /**
   * Opens the sessions of a job.
   *
   * @throws {CliError} with the code `unreached` if this fails
   */
  static async open(job: BenchJob, io: Io): Promise<LoadRun> {
    const bytes = { sent: 0, received: 0 };
    const counted = countedIo(io, bytes);
    const sessions = await Promise.all(
      Array.from(
        { length: job.connections },
        () => openSession(protocolOf([job.method]), job.target, counted),
      ),
    );
    return new LoadRun(job, io, sessions, bytes);
  }

  get lost(): SessionError | undefined {
    return this.#lost;
  }

  async run(): Promise<void> {
    const { load } = this.#job;
    const call = callsOf(this.#job, this.#sessions, this.#io);
    const { signal } = this.#stop;
    await generateLoad(load, this.#io, call, this.measurements, signal);
  }

  stop(): void {
    this.#stop.abort();
  }

  async close(): Promise<void> {
    this.stop();
    await Promise.all(this.#sessions.map((session) => session.close()));
  }

  #ended(reason: SessionError): void {
    if (this.#stop.signal.aborted) return;
    this.#lost = reason;
    this.stop();
  }
}

/** Returns a function that makes a call on the sessions in turn. */
function callsOf(
  { method: { name, shape }, input: value, options }: BenchJob,
  sessions: Sessions,
  io: Io,
): MakeCall {
  const callers = sessions.map((session) => callerOf(session, name));
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  const input = sendsItems(shape) ? items : value;
  let next = 0;
  return async (signal) => {
    const call = callers[next++ % callers.length]!; // there is at least one
    try {
      const reply = replyOf(shape, call(input, { ...options, signal }));
      if ("items" in reply) return await readItems(reply.items, io);
      await reply.output;
      return OK;
    } catch (error) {
      if (error instanceof CallError) return { outcome: error.code };
      throw error;
    }
  };
}

const OK: Attempt = { outcome: "ok" };

async function readItems(stream: DynamicStream, io: Io): Promise<Attempt> {
  let items = 0;
  let firstItem: number | undefined;
  try {
    for await (const _ of stream) {
      if (items++ === 0) firstItem = io.now();
    }
    return { outcome: "ok", items, firstItem };
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    return { outcome: error.code, items, firstItem };
  }
}
