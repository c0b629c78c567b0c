/**
 * The pump: joins the read side and the write side of one connection and
 * decides when each of them ends.
 *
 * @module
 */
import { handled } from "../../support/handled.ts";
import { InOrder } from "../../support/in_order.ts";
import { linger } from "../../support/linger.ts";
import { NextCalls } from "../../support/next_calls.ts";
import type { FrameDecoder, Framing } from "../framing.ts";
import { type ByteStream, lingersItself } from "./byte_stream.ts";
import { FrameTimer } from "./frame_timer.ts";
import { withRest } from "./with_rest.ts";
import { ReadSide } from "./read_side.ts";
import type { FrameRoom } from "./write_buffer.ts";
import { rejected, WriteSide, type WriteSideEvents } from "./write_side.ts";
import type { ResolvedOptions } from "./pump_options.ts";
import { threadTurns, Turn } from "./turn_queue.ts";

/**
 * Result of `FrameStream.detach`.
 *
 * @typeParam C type of the connection
 *
 * @category Framing
 */
export interface DetachedConnection<C extends ByteStream = ByteStream> {
  /** The connection, still open. */
  connection: C;
  /** Bytes received but not decoded; they come before those of the next read. */
  rest: Uint8Array;
  /**
   * The connection with `rest` before it: reads return those bytes first. It is
   * `connection` itself if `rest` is empty. Where the platform requires its own
   * socket, as `Deno.startTls` does, use `connection`.
   */
  stream: C;
}

type State = "open" | "detaching" | "detached" | "closed";

const DONE: Promise<void> = /* @__PURE__ */ Promise.resolve();

/** The implementation of `FrameStream`. */
export class Pump<C extends ByteStream> {
  readonly connection: C;
  onWritten: (() => void) | undefined = undefined;
  onWriteFailed: ((error: unknown) => void) | undefined = undefined;

  readonly #decoder: FrameDecoder;
  readonly #incoming: ReadSide;
  readonly #outgoing: WriteSide;
  readonly #options: ResolvedOptions;
  /** Receiver of the events of the write side; by default, this object. */
  readonly #events: WriteSideEvents;
  /** Listener of the signal; `undefined` without one. */
  #onAbort: (() => void) | undefined = undefined;

  #state: State = "open";
  #hasReader = false;
  /** Whether no more bytes arrive; the decoder may have more frames. */
  #inputEnded = false;
  /** Whether all frames have been decoded, or no more can be. */
  #ended = false;
  #readFailure: { readonly error: unknown } | undefined;
  #closingWrite: Promise<void> | undefined;
  /** Resolves when the closed connection no longer lingers. */
  #lingering: PromiseLike<void> | undefined;
  /** Whether the connection has been closed at once. */
  #released = false;
  /** Number of frames decoded since the last read began. */
  #decoded = 0;
  /** Number of calls to `read()` that have not begun. */
  #waitingReads = 0;
  /** Calls to `read()`; created for the first one. */
  #reads: InOrder | undefined = undefined;
  /** Whether the turn of the last call to `read()` goes on. */
  #handling = false;
  readonly #turn: Turn;

  constructor(
    connection: C,
    framing: Framing,
    options: ResolvedOptions,
    events?: WriteSideEvents,
  ) {
    this.connection = connection;
    this.#events = events ?? this;
    this.#options = options;
    const decoder = this.#decoder = framing.decoder();
    this.#incoming = new ReadSide(connection, decoder);
    this.#outgoing = new WriteSide(connection, framing.encoder(), this.#events);
    this.#turn = new Turn(threadTurns(), options.turnTime);
    if (options.signal !== undefined) this.#abortWith(options.signal);
  }

  #abortWith(signal: AbortSignal): void {
    const onAbort = () => this.#close(signal.reason, "failure");
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    this.#onAbort = onAbort;
  }

  /** Returns the timer of frames that take several reads. */
  #newTimer(): FrameTimer {
    return new FrameTimer(this.#decoder, this.#options, (error) => {
      this.#close(error, "failure");
      this.#events.onWriteFailed?.(error);
    });
  }

  get unsent(): number {
    return this.#outgoing.framed - this.#outgoing.written;
  }

  get bytesWritten(): number {
    return this.#outgoing.written;
  }

  get bytesFramed(): number {
    return this.#outgoing.framed;
  }

  get bytesHanded(): number {
    return this.#outgoing.handed;
  }

  get bytesRead(): number {
    return this.#incoming.bytesRead;
  }

  /** Bytes of memory that a frame in progress and reads hold. */
  get heldByReading(): number {
    return this.#incoming.held;
  }

  get skipped(): number {
    return this.#decoder.skipped;
  }

  get maxFrameLength(): number {
    return this.#decoder.maxFrameLength;
  }

  set maxFrameLength(value: number) {
    const before = this.#decoder.maxFrameLength;
    this.#decoder.maxFrameLength = value;
    try {
      this.#outgoing.limit(value);
    } catch (error) {
      this.#decoder.maxFrameLength = before;
      throw error;
    }
  }

  receive(
    onFrame: (frame: Uint8Array) => void,
    afterTurn?: () => void,
  ): Promise<void> {
    const received = this.#receive(onFrame, afterTurn, () => handled(received));
    return received;
  }

  /** @param failed called before the result rejects because of the peer */
  async #receive(
    onFrame: (frame: Uint8Array) => void,
    afterTurn: (() => void) | undefined,
    failed: () => void,
  ): Promise<void> {
    this.#claimAll();
    try {
      for (;;) {
        if (!this.#turn.free) await this.#turn.wait();
        while (this.#deliver(onFrame, afterTurn)) await this.#turn.wait();
        if (!this.#mayRead()) return;
        try {
          this.#take(await this.#beginRead());
        } catch (error) {
          this.#readFailed(error);
        }
      }
    } catch (error) {
      // An exception of one of the functions is the caller's own.
      if (!this.#isFailure(error)) throw error;
      await DONE; // receive() has returned
      failed();
      throw error;
    } finally {
      this.#hasReader = false;
    }
  }

  /** Returns whether an error has ended reading or writing. */
  #isFailure(error: unknown): boolean {
    const { failure } = this.#outgoing;
    return [this.#readFailure, failure].some((one) => one?.error === error);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const calls = new NextCalls();
    return calls.of(this.#loop(calls));
  }

  async *#loop(calls: NextCalls): AsyncGenerator<Uint8Array, void, void> {
    this.#claimAll();
    try {
      for (;;) {
        if (!this.#turn.free) await this.#turn.wait();
        this.#turn.begin();
        for (let frame; (frame = this.#next()) !== undefined;) {
          calls.yields();
          yield this.#lend(frame);
          this.#decoded++;
          if (!this.#turn.handled()) continue;
          await this.#turn.wait();
          this.#turn.begin();
        }
        this.#turn.end();
        if (!this.#mayRead()) return;
        try {
          this.#take(await this.#beginRead());
        } catch (error) {
          this.#readFailed(error);
        }
      }
    } catch (error) {
      await DONE; // next() has returned
      calls.throws();
      throw error;
    } finally {
      this.#hasReader = false;
      this.#incoming.pause();
    }
  }

  read(): Promise<Uint8Array | null> {
    this.#waitingReads++;
    this.#reads ??= new InOrder();
    return this.#reads.run(() => this.#readOne());
  }

  async #readOne(): Promise<Uint8Array | null> {
    this.#waitingReads--;
    this.#claim();
    try {
      if (!this.#handling) await this.#beginTurn();
      else if (this.#turn.handled()) {
        await this.#turn.wait();
        this.#turn.begin();
      }
      this.#handling = false;
      for (;;) {
        const frame = this.#next();
        if (frame !== undefined) {
          this.#decoded++;
          this.#handling = true;
          return this.#lend(frame);
        }
        this.#turn.end();
        if (!this.#mayRead()) return null;
        try {
          this.#take(await this.#beginRead());
        } catch (error) {
          this.#readFailed(error);
        }
        await this.#beginTurn();
      }
    } finally {
      this.#hasReader = false;
      this.#incoming.pause();
    }
  }

  begin(room: number): FrameRoom {
    return this.#outgoing.begin(room);
  }

  commit(payloadEnd: number): void {
    this.#outgoing.commit(payloadEnd);
  }

  abandon(): void {
    this.#outgoing.abandon();
  }

  write(...parts: (string | Uint8Array)[]): void {
    const [payload] = parts;
    if (parts.length === 1 && payload instanceof Uint8Array) {
      this.#outgoing.write(payload);
    } else {
      this.#outgoing.writeParts(parts);
    }
  }

  send(...parts: (string | Uint8Array)[]): Promise<void> {
    const outgoing = this.#outgoing;
    if (outgoing.ended !== undefined) return rejected(outgoing.ended.error);
    const [payload] = parts;
    let borrowed = false;
    try {
      if (parts.length === 1 && payload instanceof Uint8Array) {
        borrowed = outgoing.send(payload);
      } else {
        outgoing.writeParts(parts);
      }
    } catch (error) {
      return Promise.reject(error);
    }
    if (borrowed) return outgoing.flush(0);
    if (this.unsent <= this.#options.highWaterMark) return DONE;
    return outgoing.flush(this.#options.highWaterMark);
  }

  flush(): Promise<void> {
    return this.#outgoing.flush(0);
  }

  closeWrite(): Promise<void> {
    return this.#closingWrite ??= handled(this.#endWrite());
  }

  close(): void {
    if (this.#state === "closed") this.#release();
    else this.#close(gone("closed"), "linger");
  }

  abort(): void {
    this.#close(gone("closed"), "at once");
    if (this.#state === "closed") this.#release();
  }

  detach(): Promise<DetachedConnection<C>> {
    if (this.#state !== "open") return Promise.reject(gone(this.#state));
    if (this.#incoming.reading) {
      return Promise.reject(
        new Error(
          "Cannot detach the connection: a read is in progress; call detach() between two frames, in onFrame or in the body of a loop",
        ),
      );
    }
    this.#state = "detaching";
    return handled(this.#handOver(this.#decoder.rest().slice()));
  }

  async #handOver(rest: Uint8Array): Promise<DetachedConnection<C>> {
    await this.#outgoing.finish(gone("detached"));
    // Closed in the meantime: the connection cannot be used any more.
    const { failure } = this.#outgoing;
    if (failure !== undefined) throw failure.error;
    this.#leave("detached");
    const { connection } = this;
    return { connection, rest, stream: withRest(connection, rest) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === "detached") return;
    if (this.#options.linger === 0) return this.abort();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expired = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.linger);
    });
    try {
      await Promise.race([this.#sendRest(), expired]);
      if (this.#state !== "closed") this.close();
      await Promise.race([this.#disposed(), expired]);
    } finally {
      clearTimeout(timer);
      this.abort();
    }
  }

  /** Resolves when no unsent bytes are left. */
  async #sendRest(): Promise<void> {
    if (this.#state !== "open") return;
    // Wait for a half-close in progress. It ends the stream cleanly for the
    // peer; a close alone may not.
    const sent = this.#closingWrite ?? (this.unsent > 0 ? this.flush() : DONE);
    await sent.catch(() => {});
  }

  /** Resolves when the closed connection no longer lingers. */
  async #disposed(): Promise<void> {
    if (this.#released) return;
    await (this.#lingering ?? this.connection[Symbol.asyncDispose]?.());
    this.#released = true;
  }

  /** Passes frames to `onFrame` for one turn; returns whether it is over. */
  #deliver(
    onFrame: (frame: Uint8Array) => void,
    afterTurn: (() => void) | undefined,
  ): boolean {
    const turn = this.#turn;
    let over = false;
    turn.begin();
    try {
      for (let frame; !over && (frame = this.#next()) !== undefined;) {
        onFrame(frame);
        this.#decoded++;
        over = turn.handled();
      }
      // The end of the stream may have completed frames, too.
      const some = this.#ended ? this.#decoded : this.bytesRead;
      if (this.#state === "open" && some > 0) afterTurn?.();
    } catch (error) {
      // A decoding error, which sets #ended, leaves the write side open; an
      // exception thrown by the caller's function does not.
      if (!this.#ended) this.close();
      throw error;
    } finally {
      turn.end();
    }
    return over;
  }

  get #readable(): boolean {
    return this.#state === "open" && !this.#ended;
  }

  /** Returns the frame or a copy, depending on the option `copy`. */
  #lend(frame: Uint8Array): Uint8Array {
    if (this.#options.copy === "never") return frame;
    const fills = 4 * frame.length >= 3 * frame.buffer.byteLength;
    if (
      this.#options.copy === "auto" && fills && this.#incoming.disown(frame)
    ) {
      return frame;
    }
    return frame.slice();
  }

  /** Returns the next frame in the bytes read so far. */
  #next(): Uint8Array | undefined {
    if (!this.#readable) return undefined;
    try {
      const frame = this.#decoder.next();
      if (frame === undefined && this.#inputEnded) this.#endReading();
      return frame;
    } catch (error) {
      this.#endReading({ error });
      throw error;
    }
  }

  /**
   * Returns whether there may be more to read. Throws the error that ended
   * reading or, without one, the error of a failed write; returns `false` after
   * a clean end, a local close or a detach.
   */
  #mayRead(): boolean {
    if (this.#readable) return true;
    if (this.#readFailure !== undefined) throw this.#readFailure.error;
    const { failure } = this.#outgoing;
    if (failure !== undefined && this.#state === "open") throw failure.error;
    return false;
  }

  async #beginTurn(): Promise<void> {
    if (!this.#turn.free) await this.#turn.wait();
    this.#turn.begin();
  }

  /** Begins the next read. */
  #beginRead(): Promise<number | null> {
    const decoded = this.#decoded;
    this.#decoded = 0;
    this.#turn.beginRead();
    const { frameTimeout } = this.#options;
    if (frameTimeout > 0 && this.#decoder.pending > 0) {
      this.#incoming.timer ??= this.#newTimer();
    }
    return this.#incoming.read(decoded);
  }

  /** Processes the result of a read: bytes, or the end of the stream. */
  #take(count: number | null): void {
    this.#turn.endRead();
    this.#outgoing.onRead();
    if (this.#incoming.take(count)) return;
    this.#inputEnded = true;
    this.#decoder.end();
  }

  #readFailed(error: unknown): void {
    this.#incoming.fail();
    this.#inputEnded = true;
    // After a local close, the read fails only because of it.
    if (this.#state === "open") this.#endReading({ error });
  }

  #endReading(failure?: { readonly error: unknown }): void {
    this.#ended = true;
    this.#readFailure ??= failure;
    this.#incoming.stop();
  }

  #claim(): void {
    if (this.#hasReader) throw busy();
    this.#hasReader = true;
  }

  /** Claims the frames for a loop or `receive`; earlier calls to `read` go first. */
  #claimAll(): void {
    if (this.#waitingReads > 0) throw busy();
    this.#claim();
  }

  async #endWrite(): Promise<void> {
    // The stream no longer owns the connection.
    if (this.#state !== "open" && this.#state !== "closed") {
      throw gone(this.#state);
    }
    await this.#outgoing.finish(
      new Error("Cannot write a frame: closeWrite() was called"),
    );
    await this.connection.closeWrite();
  }

  /** Closes the connection; the reader receives the error of a failure. */
  #close(error: unknown, how: "linger" | "at once" | "failure"): void {
    if (this.#state !== "open" && this.#state !== "detaching") return;
    if (how === "failure" && !this.#ended) this.#readFailure = { error };
    // After a failed write, there is nothing to protect from a reset.
    const lingers = how === "linger" && this.#outgoing.failure === undefined;
    this.#leave("closed");
    this.#outgoing.stop(error);
    try {
      if (lingers) this.#startLingering();
      else this.#release();
    } catch (error) {
      // A failure comes from a timer or a signal, so no caller could catch this
      // exception, and `error` already describes the failure.
      if (how !== "failure") throw error;
    }
  }

  /** Closes the connection so that what was written arrives. */
  #startLingering(): void {
    const { connection } = this;
    if (lingersItself(connection)) return connection[Symbol.dispose]();
    if (this.#outgoing.handed === 0 || this.#inputEnded) return this.#release();
    const halfClose = this.#closingWrite;
    const read = this.#incoming.pending;
    this.#lingering = linger(connection, { halfClose, read })
      .then(() => this.#release())
      .catch(() => {}); // no caller could catch an exception of the connection
  }

  /** Closes the connection at once, also if it lingers. */
  #release(): void {
    if (this.#released) return;
    this.#released = true;
    const { connection } = this;
    // Unlike close(), disposing does not throw if the connection is already
    // closed.
    connection[Symbol.dispose]();
    if (!lingersItself(connection)) return;
    try {
      connection.close?.();
    } catch {
      // The connection is closed.
    }
  }

  #leave(state: "closed" | "detached"): void {
    this.#state = state;
    this.#incoming.stop();
    if (this.#onAbort === undefined) return;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }
}

function busy(): Error {
  return new Error(
    "Cannot read frames: another receive() call, read() or loop is reading them; wait until it ends",
  );
}

function gone(state: State): Error {
  return new Error(
    state === "closed"
      ? "Cannot use the frame stream: it is closed"
      : "Cannot use the frame stream: its connection was detached",
  );
}
