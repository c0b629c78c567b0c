/**
 * The part of a NATS connection that this library uses, by structure: the
 * connections of `@nats-io/transport-node`, `@nats-io/transport-deno` and
 * `@nats-io/nats-core` have it.
 *
 * @module
 */

/** A message of NATS. */
export interface NatsMessage {
  /** The payload. */
  readonly data: Uint8Array;
  /** Subject to which the message was published. */
  readonly subject: string;
  /** Subject for a reply. */
  readonly reply?: string | undefined;
  /** Headers, if there are any. */
  readonly headers?: {
    /** Status, or 0. */
    readonly code: number;
    /** Returns the value of a header, or an empty text. */
    get(name: string): string;
  } | undefined;
  /** Replies to the message; returns whether it has such a subject. */
  respond(payload?: Uint8Array | string): boolean;
}

/** A subscription of NATS. */
export interface NatsSubscription {
  /** Ends the subscription. */
  unsubscribe(): void;
}

/** Options for a subscription of NATS. */
export interface NatsSubscriptionOptions {
  /** Called with each message, or with the reason why there are none. */
  callback: (error: Error | null, message: NatsMessage) => void;
  /** Name of the group of which one member receives each message. */
  queue?: string;
}

/** A connection to NATS. */
export interface NatsConnection {
  /** Description of the server, once the client is connected. */
  readonly info?: { readonly max_payload?: number } | undefined;
  /** Options of the client, if it shows them. */
  readonly options?: {
    readonly maxReconnectAttempts?: number | undefined;
    readonly pingInterval?: number | undefined;
    readonly inboxPrefix?: string | undefined;
  } | undefined;
  /** Publishes a message. */
  publish(
    subject: string,
    payload?: Uint8Array,
    options?: { reply?: string },
  ): void;
  /** Subscribes to a subject. */
  subscribe(
    subject: string,
    options: NatsSubscriptionOptions,
  ): NatsSubscription;
  /** Publishes a request and resolves with the first reply. */
  request(
    subject: string,
    payload?: Uint8Array,
    options?: { timeout: number },
  ): Promise<NatsMessage>;
  /** Resolves when the server has received everything that was published. */
  flush(): Promise<void>;
  /** Returns the changes of the connection. */
  status(): AsyncIterable<{ readonly type: string }>;
  /** Resolves when the connection is closed for good. */
  closed(): Promise<unknown>;
  /** Returns whether it is closed for good. */
  isClosed(): boolean;
  /** Returns whether it is about to close. */
  isDraining(): boolean;
}
