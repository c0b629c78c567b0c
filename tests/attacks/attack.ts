/**
 * The description of an attack.
 *
 * @module
 */
import type { ForwardSessionsOptions } from "../../lib/forward/mod.ts";
import type { FetchHandlerOptions } from "../../lib/http/mod.ts";
import type { SessionLimits } from "../../lib/messages/session/wire/limits.ts";
import type { CodecName } from "./codecs.ts";
import type { HelloMembers } from "./frames.ts";
import type { RawPeer } from "./raw_peer.ts";

/** States of the attacked session, as PROTOCOL.md names them. */
export type State =
  | "greeting"
  | "waiting"
  | "authenticating"
  | "open"
  | "draining"
  | "closed";

/** Transport of the attacker's connections. */
export type Over = "tcp" | "tls" | "websocket" | "http" | "gateway";

/** Configuration of the attacked end. */
export interface VictimOptions {
  /** Limits that differ from the defaults. */
  readonly limits?: Partial<SessionLimits>;
  /** Maximum number of sessions, of a server. */
  readonly maxSessions?: number;
  /** Milliseconds that authentication takes, of a server; no authentication if absent. */
  readonly authentication?: number;
  /** Transport that a server expects of the attacker. @default {"tcp"} */
  readonly over?: Over;
  /** Codec of the session. @default {"msgpack"} */
  readonly codec?: CodecName;
  /** Limits of the gateway for sessions, of a server over one. */
  readonly gateway?: Pick<
    ForwardSessionsOptions,
    "handshakeTimeout" | "memory"
  >;
  /** Limits of `fetchHandler()`, of a server over HTTP. */
  readonly http?: Pick<FetchHandlerOptions, "bodyTimeout" | "maxRequests">;
  /** How a server resumes sessions; not at all if absent. */
  readonly resume?: { readonly grace: number; readonly perPrincipal?: number };
  /** Bytes of the store of outcomes, of a server. */
  readonly outcomes?: number;
  /** Sessions of a client of `createClient()`; one of `connect()` if absent. */
  readonly sessions?: number;
  /** Calls that the client makes. @default {"none"} */
  readonly use?: ClientUse;
}

/** Measurements of an attacked process. */
export interface VictimReport {
  /** Largest number of heap bytes that it held after a collection. */
  readonly held: number;
  /** Largest resident memory of the process in bytes. */
  readonly rss: number;
  /** Largest number of handlers that ran at once. */
  readonly handlers: number;
}

/** Calls that an attacked client makes until the attack ends. */
export type ClientUse =
  /** Connects again whenever the session ends, and makes no calls. */
  | "none"
  /** Keeps 64 unary calls in flight. */
  | "calls"
  /** Begins unary calls without waiting for their results. */
  | "floods"
  /** Sends notifications without waiting. */
  | "notifies"
  /** Reads one item of a stream every 10 ms. */
  | "reads"
  /** Opens 64 streams and does not read them. */
  | "opens"
  /** Sends the items of 16 streams. */
  | "sends";

/** Frames to send; the peer shows what has arrived. */
export type Script = (
  peer: RawPeer,
) => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** An attack by a raw peer on a server or client. */
export interface Attack {
  /** Description of the frames, for the table. */
  readonly name: string;
  /** End that is attacked. */
  readonly victim: "server" | "client";
  /** Resource that the attack is about to use up. */
  readonly resource: string;
  /** State of the session during the attack. */
  readonly state: State;
  /** Kind of the attack's frames. */
  readonly kind: string;
  /** Limits that the attack reaches, as the table of limits names them. */
  readonly limits?: readonly string[];
  /** Heap bytes that the attacked process may hold more than before the attack. */
  readonly budget: number;
  /** Events that the attacker must observe, such as `GOAWAY protocol`. */
  readonly sees?: readonly string[];
  /** Numbers of events that the attacker must observe before the attack is over. */
  readonly atLeast?: Readonly<Record<string, number>>;
  /** Largest numbers of events, and of `handlers` that run at once. */
  readonly atMost?: Readonly<Record<string, number>>;
  /** More of these events for each second that the attack takes. */
  readonly perSecond?: Readonly<Record<string, number>>;
  /** Number of connections at once. @default {1} */
  readonly connections?: number;
  /** Number of connections in all; until then, one that ends is replaced. @default {connections; 20 of a client} */
  readonly total?: number;
  /** Whether the attacker reads after the handshake and before the attack's end. @default {true} */
  readonly reads?: boolean;
  /** Milliseconds that the attack takes at least, if only its victim can tell that it is over. @default {0} */
  readonly ms?: number;
  /** Whether the script's bytes are sent over TCP whatever the server expects. @default {false} */
  readonly plain?: boolean;
  /** Members of the attacker's HELLO, or `null` if the script sends one. */
  readonly hello?: HelloMembers | null;
  /** Configuration of the attacked end. */
  readonly setup?: VictimOptions;
  /** The frames. */
  readonly script: Script;
}
