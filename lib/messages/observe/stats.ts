/**
 * Figures of sessions, servers and clients.
 *
 * @module
 */

import type { BusFigures } from "../bus/bus_member.ts";
import type { SessionErrorCode } from "../errors/call_error.ts";
import type { MethodFigures } from "../session/calls/method_counters.ts";
import type {
  HeldKind,
  SessionFigures,
  TrafficStats,
} from "../session/session_figures.ts";

/**
 * Figures of one session at one moment; times are in ms since 1970.
 *
 * @category Figures
 */
export interface SessionStats extends SessionFigures<HeldKind> {
  /** Number of topics that the client is subscribed to; 0 for clients. */
  readonly subscriptions: number;
  /**
   * Milliseconds by which the session's recent timers were late.
   *
   * It is the longest delay, halved with each timer after it. A session wakes up
   * at least once per `limits.heartbeat`. Long delays mean that this process was
   * busy or stopped, and not the peer.
   */
  readonly timerDelay: number;
}

/**
 * Heap bytes that sessions hold for their peers.
 *
 * @category Figures
 */
export interface MemoryStats {
  /** Bytes that are held now. */
  readonly used: number;
  /** The option `memory`; sessions end when half of it is held. */
  readonly limit: number;
  /** Bytes above which sessions over their share are restricted. */
  readonly pressureAt: number;
  /** Number of sessions that are restricted; see `SessionStats`. */
  readonly restricted: number;
}

/**
 * Figures of a server: its sessions together, also ended ones.
 *
 * @category Figures
 */
export interface ServerStats extends TrafficStats {
  /** The sessions. */
  readonly sessions: {
    /** Number of sessions that are open. */
    readonly open: number;
    /** Number of sessions that drain. */
    readonly draining: number;
    /** Number of sessions that wait for a connection. */
    readonly waiting: number;
    /** Number of sessions that were opened. */
    readonly opened: number;
    /** Number of sessions that ended, by the code of the reason. */
    readonly ended: Readonly<Partial<Record<SessionErrorCode, number>>>;
    /** The same, of sessions that the client ended with a GOAWAY. */
    readonly endedByPeer: Readonly<Partial<Record<SessionErrorCode, number>>>;
    /** Number of clients that were not accepted, by code. */
    readonly refused: Readonly<Partial<Record<SessionErrorCode, number>>>;
  };
  /** Heap bytes that the sessions hold, and the option `memory`. */
  readonly memory: MemoryStats;
  /** Figures of the bus; absent without the option `bus`. */
  readonly bus?: BusFigures;
  /** The longest `timerDelay` of the open sessions, in ms. */
  readonly timerDelay: number;
  /** Calls of each method that the server handles, by its dotted name. */
  readonly methods: Readonly<Record<string, MethodFigures>>;
}

/**
 * Figures of a client: its sessions together, also ended ones.
 *
 * @category Figures
 */
export interface ClientStats extends TrafficStats {
  /** The sessions. */
  readonly sessions: {
    /** Number of sessions that are open. */
    readonly open: number;
    /** Number of sessions that were opened. */
    readonly opened: number;
    /** Number of sessions that ended, by the code of the reason. */
    readonly ended: Readonly<Partial<Record<SessionErrorCode, number>>>;
    /** The same, of sessions that the server ended with a GOAWAY. */
    readonly endedByPeer: Readonly<Partial<Record<SessionErrorCode, number>>>;
  };
  /** Heap bytes that the sessions hold, and the option `memory`. */
  readonly memory: MemoryStats;
  /** Number of attempts to connect that failed. */
  readonly failedConnects: number;
  /** Number of calls that wait for a session. */
  readonly waitingCalls: number;
  /** Encoded bytes of their inputs. */
  readonly waitingBytes: number;
  /** The addresses and their calls; absent without the option `balance`. */
  readonly balance?: BalanceFigures;
}

/**
 * Figures of a client with the option `balance`.
 *
 * @category Figures
 */
export interface BalanceFigures {
  /** Name of the policy, for example `roundRobin`. */
  readonly policy: string;
  /** Number of ejections, also of addresses that have left the list. */
  readonly ejections: number;
  /** Whether ejected addresses receive calls, because too many are ejected. */
  readonly panic: boolean;
  /** Each address of the list, by its name in events and errors. */
  readonly addresses: Readonly<Record<string, AddressFigures>>;
}

/**
 * Figures of one address of a client with the option `balance`.
 *
 * They begin when the address joins the list.
 *
 * @category Figures
 */
export interface AddressFigures {
  /** Status of its session, like that of a client. */
  readonly status: string;
  /** Whether it receives no calls because earlier ones have failed. */
  readonly ejected: boolean;
  /** Number of its ejections. */
  readonly ejections: number;
  /** Number of attempts to connect to it. */
  readonly attempts: number;
  /** Number of attempts that failed. */
  readonly failedAttempts: number;
  /** Number of calls and notifications that it has received; repeated calls count again. */
  readonly calls: number;
  /** Number of calls whose failures count for its ejection. */
  readonly failures: number;
  /** Number of calls that are in flight or queued. */
  readonly load: number;
}
