/**
 * The calls of a client that wait for a session.
 *
 * @module
 */
import type { CallError } from "../errors/call_error.ts";

/** Bounds for the calls that wait; see `CreateClientOptions`. */
export interface WaitOptions {
  /** Milliseconds that a call may wait. */
  readonly timeout: number;
  /** Number of calls that may wait. */
  readonly calls: number;
  /** Bytes of their encoded inputs. */
  readonly bytes: number;
}

/** A call that waits. */
export interface WaitingCall {
  /** Bytes of its encoded input. */
  readonly bytes: number;
  /** Lets it start. */
  resume(): void;
  /** Ends its wait with an error. */
  fail(error: CallError): void;
}

/** Calls that wait, in the order in which they were made. */
export class WaitingCalls {
  readonly #options: Omit<WaitOptions, "timeout">;
  readonly #calls: Set<WaitingCall> = new Set();
  #bytes = 0;

  /** @param options bounds for all of them */
  constructor(options: Omit<WaitOptions, "timeout">) {
    this.#options = options;
  }

  /** Number of calls. */
  get size(): number {
    return this.#calls.size;
  }

  /** Bytes of their encoded inputs. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns why another call cannot wait, or `undefined`. */
  refusal(bytes: number): string | undefined {
    const { calls, bytes: most } = this.#options;
    if (this.#calls.size >= calls) {
      return `${calls} calls are already waiting for a session (option wait.calls)`;
    }
    if (this.#calls.size > 0 && this.#bytes + bytes > most) {
      return `calls with ${this.#bytes} bytes are already waiting for a session (option wait.bytes, ${most})`;
    }
    return undefined;
  }

  /** Adds a call. */
  add(call: WaitingCall): void {
    this.#calls.add(call);
    this.#bytes += call.bytes;
  }

  /** Removes a call; has no effect if it no longer waits. */
  remove(call: WaitingCall): void {
    if (this.#calls.delete(call)) this.#bytes -= call.bytes;
  }

  /** Lets calls start while `hasRoom` returns `true`. */
  resume(hasRoom: () => boolean): void {
    for (const call of this.#calls) {
      if (!hasRoom()) return;
      this.remove(call);
      call.resume();
    }
  }

  /** Ends the wait of all calls with an error. */
  failAll(error: CallError): void {
    for (const call of this.#calls) {
      this.remove(call);
      call.fail(error);
    }
  }
}
