/**
 * Calls with a stream, as the caller sees them; one class per shape.
 *
 * @module
 */
import { ItemPump } from "../streams/item_pump.ts";
import { ItemReader } from "../streams/item_reader.ts";
import { ItemWriter } from "../streams/item_writer.ts";
import {
  type CallSession,
  PendingCall,
  type WatchOptions,
} from "./pending_call.ts";
import type { Items } from "../protocol/client_types.ts";
import { CallError } from "../errors/call_error.ts";
import { discardItems, takeItem } from "../session/flow/received_items.ts";
import { maySendItem, sendItem } from "../session/flow/waiting_items.ts";
import type { OutgoingCall } from "../session/calls/outgoing_calls.ts";

/** A call with a stream: the part that all shapes with a stream share. */
abstract class PendingStream extends PendingCall implements AsyncDisposable {
  /** Error with which the call failed, if it did. */
  protected failure: { readonly error: unknown } | undefined = undefined;
  /** Whether the call has ended. */
  over = false;
  /** Called when the call ends. */
  onOver: () => void = () => {};
  /** Whether a local error ended the call. */
  #givenUp = false;

  /** Cancels the call; has no effect once it has ended. */
  cancel(reason?: unknown): void {
    this.abort(reason);
  }

  /** Cancels the call if it has not ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  protected override settled(body: Uint8Array): void {
    this.over = true;
    this.onOver();
    this.ended(body);
  }

  override rejected(error: unknown): void {
    if (this.over) return;
    this.over = true;
    this.failure = { error };
    this.onOver();
    this.ended(undefined);
  }

  protected override giveUp(error: unknown): void {
    if (this.over) return;
    this.#givenUp = true;
    super.giveUp(error);
  }

  /** Called when the call ends: with the result's body, or with {@linkcode failure} set. */
  protected abstract ended(body: Uint8Array | undefined): void;

  protected newReader(): ItemReader {
    return new ItemReader({
      take: (call) => takeItem(this.peer.enter().shared, call),
      decode: (body) => this.decode(body),
      abandoned: (failure) => {
        this.cancel(failure);
        if (this.call === undefined) return;
        discardItems(this.peer.enter().shared, this.call.receiveWindow);
      },
    });
  }

  /**
   * Ends the reader.
   *
   * Items that have arrived can still be read, unless the caller itself ended
   * the call.
   */
  protected endReader(reader: ItemReader): void {
    const error = this.failure?.error;
    const ours = this.#givenUp || error instanceof CallError &&
        (error.code === "cancelled" || error.code === "deadline");
    reader.end(this.failure, ours);
  }
}

/** A `serverStream` call in progress. */
export class PendingItemStream extends PendingStream {
  readonly #reader: ItemReader = this.newReader();

  override opened(
    call: OutgoingCall,
    peer: CallSession,
    options: WatchOptions,
  ): void {
    super.opened(call, peer, options);
    this.#reader.call = call;
  }

  override onItem(body: Uint8Array): void {
    this.#reader.put(body);
  }

  protected override ended(): void {
    this.endReader(this.#reader);
  }

  /** Returns an iterator over the received items, which can be iterated once. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return this.#reader;
  }
}

/** Sending half of `clientStream` and `duplex` calls. */
abstract class PendingSendingStream extends PendingStream {
  readonly #writer: ItemWriter;
  #pump: ItemPump | undefined = undefined;
  #closed = false;

  /** @param method dotted name of the method */
  constructor(method: string) {
    super(method);
    this.#writer = new ItemWriter({
      maySend: (call) => maySendItem(this.peer.enter().shared, call),
      send: (call, item) => sendItem(this.peer.enter().shared, call, item),
      failure: () =>
        this.failure ??
          (this.over ? this.#refusal("the call has ended") : undefined),
    });
  }

  override opened(
    call: OutgoingCall,
    peer: CallSession,
    options: WatchOptions,
  ): void {
    super.opened(call, peer, options);
    this.#writer.call = call;
  }

  /** Sends one item. */
  send(item: unknown): Promise<void> {
    if (!this.#closed) return this.#writer.send(item);
    const { error } = this.#refusal("end() was called");
    return Promise.reject(error);
  }

  /** Ends the stream of items once all items are sent. */
  async end(): Promise<void> {
    this.#closed = true;
    await this.#writer.settled();
    if (this.call === undefined || this.over) return;
    this.peer.enter().outgoing.endItems(this.call);
  }

  /** Sends all items of an iterable, then ends the stream; an error fails the call. */
  async feed(items: Items<unknown>): Promise<void> {
    try {
      const pump = this.#pump = new ItemPump(items);
      if (this.over) pump.stop();
      const sent = await pump.run((item) => this.#writer.send(item));
      if (sent) await this.end();
    } catch (error) {
      this.giveUp(error);
    }
  }

  override onSendable(): void {
    this.#writer.sendable();
  }

  /** Stops sending, because the call accepts no more items. */
  protected stopSending(): void {
    this.#pump?.stop();
    this.#writer.sendable();
  }

  #refusal(why: string): { readonly error: CallError } {
    const error = new CallError(
      `${this.method}: cannot send an item: ${why}`,
      { code: "cancelled", method: this.method, processed: "no" },
    );
    return { error };
  }
}

/** A `clientStream` call in progress. */
export class PendingUpload extends PendingSendingStream {
  /** Promise of the output. */
  readonly result: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  /** @param method dotted name of the method */
  constructor(method: string) {
    super(method);
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A caller that ignores `result` learns of failures through `send()`.
    this.result.catch(() => {});
  }

  protected override ended(body: Uint8Array | undefined): void {
    this.stopSending();
    if (body === undefined) return this.#reject(this.failure?.error);
    try {
      this.#resolve(this.decode(body));
    } catch (error) {
      this.#reject(error);
    }
  }
}

/** A `duplex` call in progress. */
export class PendingConversation extends PendingSendingStream {
  readonly #reader: ItemReader = this.newReader();

  override opened(
    call: OutgoingCall,
    peer: CallSession,
    options: WatchOptions,
  ): void {
    super.opened(call, peer, options);
    this.#reader.call = call;
  }

  override onItem(body: Uint8Array): void {
    this.#reader.put(body);
  }

  protected override ended(): void {
    this.stopSending();
    this.endReader(this.#reader);
  }

  /** Returns an iterator over the received items, which can be iterated once. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return this.#reader;
  }
}
