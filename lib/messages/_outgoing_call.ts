/**
 * What stands behind each method of a `remote`: one class a shape, told by the
 * session what becomes of the call.
 *
 * @module
 */
import { ItemReader, type ItemSource } from "./_item_reader.ts";
import { type ItemTarget, ItemWriter } from "./_item_writer.ts";
import type { Items } from "./call_types.ts";
import { CallError } from "./errors.ts";
import type { Fields, Metadata } from "./session/fields.ts";
import type { CallerObserver, OutgoingCall } from "./session/caller.ts";
import type { Session } from "./session/session.ts";

/** A session, and the time. */
export interface CallLink {
  /** The session. */
  readonly session: Session;
  /** The time for its commands. */
  now(): number;
  /** Looks at the session's wake-up time, after a command. */
  touched(): void;
  /** Settles when there is room for more to be sent. */
  accepted(): Promise<void>;
}

/** What the classes share: the call, its cancellation, its end. */
export abstract class CallInProgress implements CallerObserver {
  /** The call; set once the session has taken it. */
  call: OutgoingCall | undefined = undefined;
  protected readonly link: CallLink;
  readonly #method: string;
  #signal: AbortSignal | undefined = undefined;
  #onAbort: (() => void) | undefined = undefined;
  #onMetadata: ((metadata: Metadata) => void) | undefined = undefined;

  constructor(link: CallLink, method: string) {
    this.link = link;
    this.#method = method;
  }

  /** The session has taken the call. */
  opened(call: OutgoingCall, options: WatchOptions): void {
    this.call = call;
    this.#onMetadata = options.onMetadata;
    const { signal } = options;
    if (signal === undefined || call.state === "done") return;
    this.#signal = signal;
    this.#onAbort = () => this.abort(signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Cancels the call; harmless once it has ended. */
  abort(cause: unknown): void {
    const { call, link } = this;
    if (call === undefined) return;
    const { code, message } = abortError(this.#method, cause);
    link.session.cancel(call, { code, message, cause }, link.now());
    link.touched();
  }

  /** Decodes a value, or ends the call as malformed. */
  protected decode(body: Uint8Array): unknown {
    try {
      return this.link.session.codec.decode(body);
    } catch (cause) {
      throw new CallError(
        "malformed",
        `${this.#method}: what came back cannot be decoded`,
        { method: this.#method, processed: "maybe", cause },
      );
    }
  }

  /** @inheritdoc */
  onResult(body: Uint8Array, fields: Readonly<Fields>): void {
    this.#unwatch();
    this.#onMetadata?.(fields.metadata);
    this.settled(body);
  }

  /** @inheritdoc */
  onFailed(error: CallError): void {
    this.#unwatch();
    this.rejected(error);
  }

  #unwatch(): void {
    if (this.#onAbort === undefined) return;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }

  /** The result has come. */
  protected abstract settled(body: Uint8Array): void;
  /** The call has failed. */
  protected abstract rejected(error: CallError): void;
  /** @inheritdoc */
  onItem(_body: Uint8Array): void {}
  /** @inheritdoc */
  onItemsEnded(): void {}
  /** @inheritdoc */
  onSendable(): void {}
}

/** What a call's options ask to watch. */
export interface WatchOptions {
  /** Cancels the call. */
  readonly signal?: AbortSignal | undefined;
  /** Told what the handler sent beside the result. */
  readonly onMetadata?: ((metadata: Metadata) => void) | undefined;
}

/** What an aborted signal makes of a call. */
export function abortError(
  method: string,
  cause: unknown,
): CallError & { code: "cancelled" | "deadline" } {
  const timedOut = cause instanceof DOMException &&
    cause.name === "TimeoutError";
  const code = timedOut ? "deadline" : "cancelled";
  const error = new CallError(
    code,
    `${method}: ${
      timedOut ? "the signal timed out" : "the call was cancelled"
    }`,
    { method, processed: "no", cause },
  );
  return error as CallError & { code: typeof code }; // it was made with this code
}

/** A `unary` call: a promise. */
export class UnaryInProgress extends CallInProgress {
  /** Of the output. */
  readonly promise: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(link: CallLink, method: string) {
    super(link, method);
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  protected override settled(body: Uint8Array): void {
    try {
      this.#resolve(this.decode(body));
    } catch (error) {
      this.#reject(error);
    }
  }

  protected override rejected(error: CallError): void {
    this.#reject(error);
  }
}

/** The shapes with items: either half, or both. */
abstract class StreamInProgress extends CallInProgress
  implements AsyncDisposable {
  protected failure: { readonly error: unknown } | undefined = undefined;
  #over = false;

  /** Whether the call has ended. */
  protected get over(): boolean {
    return this.#over;
  }

  /** Cancels the call; harmless once it has ended. */
  cancel(reason?: unknown): void {
    this.abort(reason);
  }

  /** Cancels what is not finished. */
  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  protected override settled(body: Uint8Array): void {
    this.#over = true;
    this.ended(body);
  }

  protected override rejected(error: CallError): void {
    this.#over = true;
    this.failure = { error };
    this.ended(undefined);
  }

  /** The call has ended: with a result's body, or with {@linkcode failure}. */
  protected abstract ended(body: Uint8Array | undefined): void;

  protected reader(): ItemReader {
    const source: ItemSource = {
      take: (call) => {
        const body = this.link.session.takeItem(call, this.link.now());
        this.link.touched();
        return body;
      },
      decode: (body) => this.decode(body),
      abandoned: () => this.cancel(),
    };
    return new ItemReader(source);
  }

  protected writer(): ItemWriter {
    const target: ItemTarget = {
      maySend: (call) => this.link.session.maySendItem(call),
      send: (call, item) =>
        this.link.session.sendItem(call, item, this.link.now()),
      failure: () => this.failure ?? (this.over ? ENDED : undefined),
    };
    return new ItemWriter(target);
  }

  /** Sends every item of an iterable, and ends. Its failure cancels the call. */
  protected async sendAll(
    items: Items<unknown>,
    send: (item: unknown) => Promise<void>,
    end: () => Promise<void>,
  ): Promise<void> {
    try {
      for await (const item of items) {
        if (this.over) return;
        await send(item);
      }
      await end();
    } catch (error) {
      if (!this.over) this.abort(error);
    }
  }

  protected async endItems(writer: ItemWriter): Promise<void> {
    await writer.settled();
    const { call, link } = this;
    if (call !== undefined) link.session.endItems(call, link.now());
  }
}

const ENDED = {
  error: new CallError("cancelled", "Cannot send an item: the call has ended", {
    processed: "yes",
  }),
};

/** A `serverStream` call. */
export class ItemStreamInProgress extends StreamInProgress {
  readonly #reader: ItemReader = this.reader();

  override opened(call: OutgoingCall, options: WatchOptions): void {
    super.opened(call, options);
    this.#reader.call = call;
  }

  override onItem(body: Uint8Array): void {
    this.#reader.put(body);
  }

  protected override ended(): void {
    this.#reader.end(this.failure);
  }

  /** Items, once. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return this.#reader;
  }
}

/** A `clientStream` call. */
export class UploadInProgress extends StreamInProgress {
  /** Of the output. */
  readonly result: Promise<unknown>;
  readonly #writer: ItemWriter = this.writer();
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  constructor(link: CallLink, method: string) {
    super(link, method);
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Who only sends hears of a failure from `send`.
    this.result.catch(() => {});
  }

  override opened(call: OutgoingCall, options: WatchOptions): void {
    super.opened(call, options);
    this.#writer.call = call;
  }

  /** Sends one item. */
  send(item: unknown): Promise<void> {
    return this.#writer.send(item);
  }

  /** Says that no more follow. */
  end(): Promise<void> {
    return this.endItems(this.#writer);
  }

  /** Sends what an iterable gives. */
  feed(items: Items<unknown>): void {
    this.sendAll(items, (item) => this.send(item), () => this.end());
  }

  override onSendable(): void {
    this.#writer.sendable();
  }

  protected override ended(body: Uint8Array | undefined): void {
    this.#writer.sendable();
    if (body === undefined) return this.#reject(this.failure?.error);
    try {
      this.#resolve(this.decode(body));
    } catch (error) {
      this.#reject(error);
    }
  }
}

/** A `duplex` call. */
export class ConversationInProgress extends StreamInProgress {
  readonly #reader: ItemReader = this.reader();
  readonly #writer: ItemWriter = this.writer();

  override opened(call: OutgoingCall, options: WatchOptions): void {
    super.opened(call, options);
    this.#reader.call = this.#writer.call = call;
  }

  override onItem(body: Uint8Array): void {
    this.#reader.put(body);
  }

  /** Sends one item. */
  send(item: unknown): Promise<void> {
    return this.#writer.send(item);
  }

  /** Says that no more follow. */
  end(): Promise<void> {
    return this.endItems(this.#writer);
  }

  /** Sends what an iterable gives. */
  feed(items: Items<unknown>): void {
    this.sendAll(items, (item) => this.send(item), () => this.end());
  }

  override onSendable(): void {
    this.#writer.sendable();
  }

  protected override ended(): void {
    this.#writer.sendable();
    this.#reader.end(this.failure);
  }

  /** Items, once. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return this.#reader;
  }
}
