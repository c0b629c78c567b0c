/**
 * What a caller holds: functions to call, and the streams that they give.
 *
 * @module
 */
import type { CallerInput, CallerOutput, MethodDeclaration } from "./method.ts";

/** Options of one call. */
export interface CallOptions {
  /** Cancels the call. */
  signal?: AbortSignal;
  /** Time for the whole call, in ms, once interceptors have begun it. @default what the method, or else the client, declares */
  timeout?: number;
  /** Sent beside the call, for handlers and middleware. */
  metadata?: Readonly<Record<string, string>>;
  /**
   * Told what the handler sent beside its result. What it throws the call fails
   * with; nobody waits for a promise, and what that rejects with goes to
   * `onError`.
   */
  onMetadata?: (metadata: Readonly<Record<string, string>>) => void;
}

/** Options of a call that opens with an input of its own beside its items. */
export interface OpeningOptions<Opening> extends CallOptions {
  /** Reaches the handler as `context.opening`, before any item. */
  opening: Opening;
}

/**
 * Options of a call whose opening may be left out. It is no option at all where
 * the method declares none, that is `void`; `unknown` and `any` take whatever
 * there is, also nothing.
 */
export type OptionalOpening<Opening> = unknown extends Opening
  ? Partial<OpeningOptions<Opening>>
  : [Opening] extends [void] ? CallOptions
  : Partial<OpeningOptions<Opening>>;

/**
 * Items to send: an array, a generator, a `ReadableStream`, another call's
 * items. If it fails, or gives an item that cannot be sent, the call fails with
 * just that error, and is cancelled for the other side.
 */
export type Items<Item> = AsyncIterable<Item> | Iterable<Item>;

/** Calls a `unary` method. */
export interface UnaryCall<In, Out> {
  /**
   * @param input what the method asks for
   * @param options options of this call
   * @returns the output
   * @throws {CallError} by rejection
   */
  (input: In, options?: CallOptions): Promise<Out>;
}

/** Calls a `unary` method whose input may be left out. */
export interface UnaryCallWithoutInput<In, Out> {
  /**
   * @param input may be left out
   * @param options options of this call
   * @returns the output
   * @throws {CallError} by rejection
   */
  (input?: In, options?: CallOptions): Promise<Out>;
}

/** Calls a `serverStream` method. */
export interface ServerStreamCall<In, Item> {
  /**
   * @param input what the method asks for
   * @param options options of this call
   * @returns the items, to iterate once
   */
  (input: In, options?: CallOptions): ItemStream<Item>;
}

/** Calls a `serverStream` method whose input may be left out. */
export interface ServerStreamCallWithoutInput<In, Item> {
  /**
   * @param input may be left out
   * @param options options of this call
   * @returns the items, to iterate once
   */
  (input?: In, options?: CallOptions): ItemStream<Item>;
}

/**
 * Calls a `clientStream` method, whose opening, if it has one, may be left out.
 *
 * @typeParam Options of a call, the opening among them where there is one
 */
export interface ClientStreamCall<
  Item,
  Out,
  Options extends CallOptions = CallOptions,
> {
  /**
   * @param items sent one after the other, and ended with; without, use `send` and `end`
   * @param options options of this call
   * @returns where to send and to wait for the output
   */
  (items?: Items<Item>, options?: Options): Upload<Item, Out>;
}

/** Calls a `clientStream` method that asks for an opening. */
export interface ClientStreamCallWithOpening<Item, Out, Opening> {
  /**
   * @param items sent one after the other, and ended with; if `undefined`, use `send` and `end`
   * @param options options of this call, the opening among them
   * @returns where to send and to wait for the output
   */
  (
    items: Items<Item> | undefined,
    options: OpeningOptions<Opening>,
  ): Upload<Item, Out>;
}

/**
 * Calls a `duplex` method, whose opening, if it has one, may be left out.
 *
 * @typeParam Options of a call, the opening among them where there is one
 */
export interface DuplexCall<
  In,
  Out,
  Options extends CallOptions = CallOptions,
> {
  /**
   * @param items sent one after the other, and ended with; without, use `send` and `end`
   * @param options options of this call
   * @returns where to send, and the items that come back
   */
  (items?: Items<In>, options?: Options): Conversation<In, Out>;
}

/** Calls a `duplex` method that asks for an opening. */
export interface DuplexCallWithOpening<In, Out, Opening> {
  /**
   * @param items sent one after the other, and ended with; if `undefined`, use `send` and `end`
   * @param options options of this call, the opening among them
   * @returns where to send, and the items that come back
   */
  (
    items: Items<In> | undefined,
    options: OpeningOptions<Opening>,
  ): Conversation<In, Out>;
}

/** What every stream of a call can do. Leaving its scope cancels what is not finished. */
export interface StreamCall extends AsyncDisposable {
  /**
   * Cancels the call; harmless once it has ended.
   *
   * @param reason given to whoever waits for this call
   */
  cancel(reason?: unknown): void;
}

/**
 * Items that come back, once: breaking out of the loop cancels the call, and a
 * second loop finds nothing, not even an error.
 */
export interface ItemStream<Item> extends StreamCall, AsyncIterable<Item> {}

/** The sending half of a call. */
export interface ItemSender<Item> extends StreamCall {
  /**
   * Sends one item; waits while the other side has given no credit.
   *
   * @throws {CallError} by rejection, once the call has ended
   */
  send(item: Item): Promise<void>;
  /** Says that no more items follow. */
  end(): Promise<void>;
}

/** A `clientStream` call under way. */
export interface Upload<Item, Out> extends ItemSender<Item> {
  /**
   * The output; it may come before the last item was sent. Rejects with a
   * `CallError`, or with what kept the items that were given from being sent.
   */
  readonly result: Promise<Out>;
}

/** A `duplex` call under way. */
export interface Conversation<In, Out>
  extends ItemSender<In>, AsyncIterable<Out> {}

/** How a method is called, by its shape. */
export interface Calls<In, Out, Opening> {
  /** One input, one output. */
  unary: undefined extends In ? UnaryCallWithoutInput<In, Out>
    : UnaryCall<In, Out>;
  /** Resolves once the message was accepted for sending. */
  notification: undefined extends In ? UnaryCallWithoutInput<In, void>
    : UnaryCall<In, void>;
  /** One input, many items back. */
  serverStream: undefined extends In ? ServerStreamCallWithoutInput<In, Out>
    : ServerStreamCall<In, Out>;
  /** Many items, one output. */
  clientStream: undefined extends Opening
    ? ClientStreamCall<In, Out, OptionalOpening<Opening>>
    : ClientStreamCallWithOpening<In, Out, Opening>;
  /** Items both ways. */
  duplex: undefined extends Opening
    ? DuplexCall<In, Out, OptionalOpening<Opening>>
    : DuplexCallWithOpening<In, Out, Opening>;
}

/** How a method is called. */
export type Call<M extends MethodDeclaration> = M extends {
  readonly types?: {
    readonly caller: (
      gives: infer Gives extends CallerInput,
    ) => infer Gets extends CallerOutput;
  };
} ? Calls<Gives["input"], Gets["output"], Gives["opening"]>[M["shape"]]
  : never;

/**
 * What one side can call: the declared methods as functions, groups as nested
 * objects.
 *
 * @typeParam Methods a side of a protocol
 */
export type RemoteMethods<Methods> = {
  readonly [Name in keyof Methods]: Methods[Name] extends MethodDeclaration
    ? Call<Methods[Name]>
    : RemoteMethods<Methods[Name]>;
};
