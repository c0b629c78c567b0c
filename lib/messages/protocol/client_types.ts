/**
 * Types of the caller's functions and of the streams that they return.
 *
 * @module
 */
import type { Gap } from "../session/wire/positions.ts";
import type { CallerInput, CallerOutput, MethodDeclaration } from "./method.ts";

/**
 * Options for a single call.
 *
 * @example
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Greeter = protocol({ name: "greeter", server: { greet: unary<string, string>() } });
 * await using server = await serve(Greeter, { port: 0 }).handle({
 *   greet(name, context) {
 *     context.respondWith({ region: "eu" });
 *     return `${name} (${context.metadata["locale"]})`;
 *   },
 * });
 *
 * await using session = await connect(Greeter, server.addr);
 * let region: string | undefined;
 * const greeting = await session.remote.greet("Ada", {
 *   timeout: 2_000, // milliseconds
 *   metadata: { locale: "en" },
 *   onMetadata: (metadata) => region = metadata["region"],
 * });
 * assertEquals([greeting, region], ["Ada (en)", "eu"]);
 * ```
 *
 * @category Clients
 */
export interface CallOptions {
  /**
   * Cancels the call when aborted.
   *
   * The call then fails with the code `cancelled`, or with `deadline` if the
   * signal was created by `AbortSignal.timeout()`. If the signal is aborted
   * before the call, nothing is sent.
   */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds until the call fails with the code `deadline`; above 0.
   *
   * The time covers the whole call, streams included, and starts when the last
   * interceptor passes the call on. For a notification, it covers the wait for
   * a place in the queue. The call fails up to 8 ms later.
   *
   * @default the method's `timeout`, or else the client's; no limit if neither is set
   */
  timeout?: number | undefined;
  /**
   * Text entries that the call carries to handlers and middleware.
   *
   * A key has 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, and starts with
   * a letter or digit.
   *
   * @default no metadata
   */
  metadata?: Readonly<Record<string, string>> | undefined;
  /**
   * Called with the result's metadata, before the call succeeds.
   *
   * If it throws, the call fails with that error. A returned promise is not
   * awaited; if it rejects, the error goes to `onError`.
   */
  onMetadata?:
    | ((metadata: Readonly<Record<string, string>>) => void)
    | undefined;
  /**
   * Key of the call, 1 to 128 bytes; only for methods that are declared `once`.
   *
   * Calls of the same principal to the same method with the same key run at most
   * once, whichever clients make them, until the server's store forgets the
   * outcome. A key with another input fails with `conflict`.
   *
   * @default calls of a client made by `createClient()` are numbered; those of
   * `connect()` are not repeated
   */
  key?: string | undefined;
}

/**
 * Options for a call of a `serverStream` method.
 *
 * @typeParam In the type of the input
 * @typeParam Item the type of each item
 *
 * @category Declarations
 */
export interface StreamOptions<In, Item> extends CallOptions {
  /**
   * Called with the items that are missing, where they are missing; the stream
   * then goes on.
   *
   * Only streams of a {@linkcode Source} report gaps.
   *
   * @default the iteration throws a {@linkcode CallError} with the code `gap`,
   * whose `data` is the {@linkcode Gap}
   */
  onGap?: ((gap: Gap) => void) | undefined;
  /**
   * Returns the input with which to continue the stream in another session.
   *
   * It is called if the session is lost or drained before the stream has ended,
   * but not after an error of the handler. Streams of a {@linkcode Source}
   * continue without it. Only the `remote` of a client that `createClient()` has
   * created has this option; through a session, the iteration throws a
   * `TypeError`.
   *
   * @default the iteration throws the error
   */
  resume?: ((last: Item | undefined, input: In) => In) | undefined;
}

/** Options of any call, as the library reads them. */
export interface AnyCallOptions extends CallOptions {
  /** Called with a gap of a stream. */
  readonly onGap?: ((gap: Gap) => void) | undefined;
  /** Returns the input with which to continue a stream. */
  readonly resume?: ((last: unknown, input: unknown) => unknown) | undefined;
}

/**
 * Options for a call that begins with an opening.
 *
 * @typeParam Opening the type of the opening
 *
 * @category Declarations
 */
export interface OpeningOptions<Opening> extends CallOptions {
  /** Value that the handler receives as `context.opening`, before any item. */
  opening: Opening;
}

/**
 * Options for a call whose opening may be omitted.
 *
 * If the method declares no opening (`void`), there is no `opening` option. An
 * opening of type `unknown` or `any` is optional.
 *
 * @typeParam Opening the type of the opening
 *
 * @category Declarations
 */
export type OptionalOpening<Opening> = unknown extends Opening
  ? Partial<OpeningOptions<Opening>>
  : [Opening] extends [void] ? CallOptions
  : Partial<OpeningOptions<Opening>>;

/**
 * Items to send, in any iterable.
 *
 * They can come from an array, a generator, a `ReadableStream` or another
 * call, for example.
 *
 * If the iterable throws, or an item cannot be sent, the call fails with that
 * error, and the callee sees a cancelled call.
 *
 * @typeParam Item the type of each item
 *
 * @category Declarations
 */
export type Items<Item> = AsyncIterable<Item> | Iterable<Item>;

/**
 * Function that calls a `unary` method.
 *
 * @typeParam In type of the input
 * @typeParam Out type of the output
 *
 * @category Declarations
 */
export interface UnaryCall<In, Out> {
  /**
   * Calls the method.
   *
   * @param input the input of the method
   * @param options options for this call
   * @returns the output
   * @throws {CallError} by rejection, if the call fails
   */
  (input: In, options?: CallOptions): Promise<Out>;
}

/**
 * Function that calls a `unary` method whose input is optional.
 *
 * @typeParam In type of the input
 * @typeParam Out type of the output
 *
 * @category Declarations
 */
export interface UnaryCallWithoutInput<In, Out> {
  /**
   * Calls the method.
   *
   * @param input the input of the method; may be omitted
   * @param options options for this call
   * @returns the output
   * @throws {CallError} by rejection, if the call fails
   */
  (input?: In, options?: CallOptions): Promise<Out>;
}

/**
 * Function that calls a `serverStream` method.
 *
 * @typeParam In type of the input
 * @typeParam Item type of an item
 *
 * @category Declarations
 */
export interface ServerStreamCall<In, Item> {
  /**
   * Calls the method.
   *
   * If the call fails, the iteration throws the error.
   *
   * @param input the input of the method
   * @param options options for this call
   * @returns the items, which can be iterated once
   */
  (input: In, options?: StreamOptions<In, Item>): ItemStream<Item>;
}

/**
 * Function that calls a `serverStream` method whose input is optional.
 *
 * @typeParam In type of the input
 * @typeParam Item type of an item
 *
 * @category Declarations
 */
export interface ServerStreamCallWithoutInput<In, Item> {
  /**
   * Calls the method.
   *
   * If the call fails, the iteration throws the error.
   *
   * @param input the input of the method; may be omitted
   * @param options options for this call
   * @returns the items, which can be iterated once
   */
  (input?: In, options?: StreamOptions<In, Item>): ItemStream<Item>;
}

/**
 * Function that calls a `clientStream` method with an optional opening or none.
 *
 * @typeParam Item the type of each item to send
 * @typeParam Out the type of the output
 * @typeParam Options options for a call, including the opening if there is one
 *
 * @category Declarations
 */
export interface ClientStreamCall<
  Item,
  Out,
  Options extends CallOptions = CallOptions,
> {
  /**
   * Calls the method.
   *
   * @param items items to send, after which the sending half ends; if omitted,
   * use `send()` and `end()` of the upload
   * @param options options for this call
   * @returns the upload, whose `result` is a promise of the output
   */
  (items?: Items<Item>, options?: Options): Upload<Item, Out>;
}

/**
 * Function that calls a `clientStream` method with a required opening.
 *
 * @typeParam Item type of an item
 * @typeParam Out type of the output
 * @typeParam Opening type of the opening
 *
 * @category Declarations
 */
export interface ClientStreamCallWithOpening<Item, Out, Opening> {
  /**
   * Calls the method.
   *
   * @param items items to send, after which the sending half ends; if
   * `undefined`, use `send()` and `end()` of the upload
   * @param options options for this call, including the opening
   * @returns the upload, whose `result` is a promise of the output
   */
  (
    items: Items<Item> | undefined,
    options: OpeningOptions<Opening>,
  ): Upload<Item, Out>;
}

/**
 * Function that calls a `duplex` method with an optional opening or none.
 *
 * @typeParam In the type of each item to send
 * @typeParam Out the type of each item to receive
 * @typeParam Options options for a call, including the opening if there is one
 *
 * @category Declarations
 */
export interface DuplexCall<
  In,
  Out,
  Options extends CallOptions = CallOptions,
> {
  /**
   * Calls the method.
   *
   * @param items items to send, after which the sending half ends; if omitted,
   * use `send()` and `end()` of the conversation
   * @param options options for this call
   * @returns the conversation, an async iterable of the received items
   */
  (items?: Items<In>, options?: Options): Conversation<In, Out>;
}

/**
 * Function that calls a `duplex` method with a required opening.
 *
 * @typeParam In type of an item that the caller sends
 * @typeParam Out type of an item that the callee sends
 * @typeParam Opening type of the opening
 *
 * @category Declarations
 */
export interface DuplexCallWithOpening<In, Out, Opening> {
  /**
   * Calls the method.
   *
   * @param items items to send, after which the sending half ends; if
   * `undefined`, use `send()` and `end()` of the conversation
   * @param options options for this call, including the opening
   * @returns the conversation, an async iterable of the received items
   */
  (
    items: Items<In> | undefined,
    options: OpeningOptions<Opening>,
  ): Conversation<In, Out>;
}

/**
 * Members that all calls with a stream share.
 *
 * Disposing a call cancels it if it has not ended.
 *
 * @category Declarations
 */
export interface StreamCall extends AsyncDisposable {
  /**
   * Cancels the call; has no effect once it has ended.
   *
   * @param reason the `cause` of the error with which the call fails
   */
  cancel(reason?: unknown): void;
}

/**
 * Items received from a `serverStream` call.
 *
 * They can be iterated once; a second loop yields nothing and throws nothing.
 * Leaving the loop early cancels the call. Items are requested as they are
 * read, so a slow loop slows down the handler.
 *
 * @typeParam Item the type of each item
 *
 * @category Clients
 */
export interface ItemStream<Item> extends StreamCall, AsyncIterable<Item> {}

/**
 * Sending half of a call.
 *
 * @typeParam Item the type of each item
 *
 * @category Declarations
 */
export interface ItemSender<Item> extends StreamCall {
  /**
   * Sends one item; waits until the callee has granted credit for it.
   *
   * Await the promise before you send the next item; otherwise, items waiting
   * for credit accumulate without limit.
   *
   * @param item the item to send
   * @throws {CallError} by rejection, if the call has ended or `end()` was called
   * @throws {CodecError} by rejection, if the item cannot be encoded
   */
  send(item: Item): Promise<void>;
  /**
   * Ends the stream of items after all items have been sent.
   *
   * @returns a promise that resolves once all items are sent or have failed
   */
  end(): Promise<void>;
}

/**
 * A `clientStream` call in progress.
 *
 * @typeParam Item the type of each item to send
 * @typeParam Out the type of the output
 *
 * @category Clients
 */
export interface Upload<Item, Out> extends ItemSender<Item> {
  /**
   * Output of the call.
   *
   * It can resolve before the last item is sent. It rejects with a `CallError`,
   * or with the error that prevented the items from being sent.
   */
  readonly result: Promise<Out>;
}

/**
 * A `duplex` call in progress.
 *
 * It sends items, and is an async iterable of the received items. As with
 * {@linkcode ItemStream}, these can be iterated once, and leaving the loop early
 * cancels the call.
 *
 * @typeParam In the type of each item to send
 * @typeParam Out the type of each item to receive
 *
 * @category Clients
 */
export interface Conversation<In, Out>
  extends ItemSender<In>, AsyncIterable<Out> {}

/**
 * Types of the functions that call a method, by its shape.
 *
 * @typeParam In type of the input, or of an item that the caller sends
 * @typeParam Out type of the output, or of an item that the callee sends
 * @typeParam Opening type of the opening
 *
 * @category Declarations
 */
export interface CallFunctions<In, Out, Opening> {
  /** One input, one output. */
  unary: undefined extends In ? UnaryCallWithoutInput<In, Out>
    : UnaryCall<In, Out>;
  /** One input, no reply. The promise resolves once the message is accepted for sending. */
  notification: undefined extends In ? UnaryCallWithoutInput<In, void>
    : UnaryCall<In, void>;
  /** One input, a stream of items in return. */
  serverStream: undefined extends In ? ServerStreamCallWithoutInput<In, Out>
    : ServerStreamCall<In, Out>;
  /** A stream of items, one output. */
  clientStream: undefined extends Opening
    ? ClientStreamCall<In, Out, OptionalOpening<Opening>>
    : ClientStreamCallWithOpening<In, Out, Opening>;
  /** A stream of items in each direction. */
  duplex: undefined extends Opening
    ? DuplexCall<In, Out, OptionalOpening<Opening>>
    : DuplexCallWithOpening<In, Out, Opening>;
}

/**
 * Type of the function that calls a method.
 *
 * @typeParam M the type of the method: `typeof Shop.server.order`
 *
 * @category Declarations
 */
export type CallFunction<M extends MethodDeclaration> = M extends {
  readonly types?: {
    readonly caller: (
      input: infer CallerIn extends CallerInput,
    ) => infer CallerOut extends CallerOutput;
  };
} ? CallFunctions<
    CallerIn["input"],
    CallerOut["output"],
    CallerIn["opening"]
  >[M["shape"]]
  : never;

/**
 * Functions that call the methods of one side; groups are nested objects.
 *
 * @typeParam Methods one side of a protocol
 *
 * @category Declarations
 */
export type RemoteMethods<Methods> = {
  readonly [Name in keyof Methods]: Methods[Name] extends MethodDeclaration
    ? CallFunction<Methods[Name]>
    : RemoteMethods<Methods[Name]>;
};
