/**
 * Options of clients that outlive their connections.
 *
 * @module
 */
import type { ConnectOptions as TransportConnectOptions } from "../../transport/connect.ts";
import {
  checkFunction,
  checkTime,
  type ResolvedSessionOptions,
  resolveSessionOptions,
  SESSION_OPTIONS,
  type SessionOptions,
} from "../connection/session_options.ts";
import {
  pluginMissing,
  type SessionPlugins,
} from "../connection/session_plugins.ts";
import type { AnyProtocol, Handlers } from "../protocol/protocol_types.ts";
import { checkOptions as checkNames } from "../../support/check_options.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { BalancePolicy } from "./balance_policy.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { ClientContext, ClientSession } from "./client_session.ts";
import type { RetryBudgetOptions } from "./retry_budget.ts";
import { checkUnusedLocations } from "./unused_locations.ts";
import type { WaitOptions } from "./waiting_calls.ts";

/**
 * Options for {@linkcode createClient}, except for the handlers.
 *
 * @typeParam P the protocol
 *
 * @category Clients
 */
export interface ClientBaseOptions<P extends AnyProtocol>
  extends SessionOptions {
  /**
   * Credentials for the server's `authenticate`, or a function that returns
   * them. The function is called for each attempt to open or resume a session,
   * and has 10 s.
   */
  credentials?: unknown;
  /**
   * Options for the transport, such as keep-alive and TLS.
   *
   * With several addresses, the default of its `timeout` is 3 s, so that calls
   * that wait can still reach another server. It then also bounds an attempt with
   * its handshake, and twice as much in each round after the first, up to 10 s.
   * With one address, an attempt takes at most 10 s, with its handshake. A
   * client of connectors alone has none of these options, except for `timeout` if
   * there are several.
   */
  transport?: Omit<TransportConnectOptions, "signal" | "retry"> | undefined;
  /** Pauses between attempts to connect, in milliseconds. */
  reconnect?: {
    /** Least pause after a failed attempt. @default {100} */
    minDelay?: number | undefined;
    /** Upper bound of the random part of a pause. @default {10000} */
    maxDelay?: number | undefined;
    /**
     * Time over which clients spread their attempts after a lost connection.
     *
     * It keeps the clients of a server that has crashed from connecting to the
     * next one at the same moment. Servers name a spread in the handshake, and
     * another one when they drain; the client uses at most half of `wait.timeout`
     * of them, or this time if it is longer.
     *
     * @default the spread of the server, 2000 if it names none
     */
    spread?: number | undefined;
  } | undefined;
  /**
   * Bounds for the calls that are made while there is no session.
   *
   * Calls that are made while a session is resumed wait in the session instead,
   * for as long as that takes.
   */
  wait?: {
    /**
     * Milliseconds that a call may wait, for all its attempts; with 0, it fails at
     * once.
     *
     * @default {10000}
     */
    timeout?: number | undefined;
    /** Number of calls that may wait. @default {1000} */
    calls?: number | undefined;
    /** Bytes of their encoded inputs. @default {4194304} */
    bytes?: number | undefined;
  } | undefined;
  /**
   * Calls that are sent again.
   *
   * A call that may have run, or was refused for load, pauses first: at random, up
   * to twice `reconnect.minDelay` before the second attempt, twice as long before
   * each further one, and at most `reconnect.maxDelay`.
   */
  retry?: {
    /**
     * Maximum number of attempts of a call, including the first.
     *
     * Attempts that never left this process do not count.
     *
     * @default {3}
     */
    maxAttempts?: number | undefined;
    /** Budget for the calls of the last 10 s. */
    budget?: {
      /** Calls that may be sent again per second, whatever succeeds. @default {10} */
      perSecond?: number | undefined;
      /** More of them for each call that succeeds, from 0 to 1. @default {0.1} */
      ratio?: number | undefined;
    } | undefined;
  } | undefined;
  /** How a session continues after its connection was lost. */
  resume?: {
    /**
     * Milliseconds for which the client tries to connect to the same server.
     *
     * Only servers with the option `resume` support this, for the time that they
     * state. Calls in flight go on; new calls wait. With 0, the session ends with
     * its connection.
     *
     * @default the time of the server; with several addresses, at most 3000
     */
    patience?: number | undefined;
    /**
     * Returns whether to resume a session at another address.
     *
     * The server has named it (its option `resume.location`). The client tries it
     * for at most 3 s.
     *
     * The client sends its credentials there, so permit only addresses that you
     * know, with the same kind of encryption.
     *
     * @default the addresses of this client
     */
    locations?: ((location: string) => boolean) | undefined;
  } | undefined;
  /**
   * Number of sessions.
   *
   * With several, each call uses the one with the fewest calls in flight, so the
   * order between calls is lost. Broadcasts and topics reach the client through
   * the first one only: make calls that subscribe to topics in `onSession`.
   *
   * After a network cut, a server keeps `resume.perPrincipal` (4) sessions of a
   * client for their resumption. With more of them on one server, calls in flight
   * on the others fail or are sent again.
   *
   * @default {1}
   */
  connections?: number | undefined;
  /**
   * Called with each new session, before the calls that wait.
   *
   * Make its calls through this session. It has 5 s; if it fails, the session is
   * closed, and the client connects again.
   */
  onSession?:
    | ((session: ClientSession<P>) => void | Promise<unknown>)
    | undefined;
}

/**
 * Options for {@linkcode createClient}. `handlers` is required if the protocol
 * has a client side.
 *
 * @typeParam P the protocol
 *
 * @category Clients
 */
export type CreateClientOptions<P extends AnyProtocol> =
  & {
    /**
     * Whether to use the addresses in a random order.
     *
     * Otherwise, all clients use the first one when they start, and after each
     * outage of it.
     *
     * @default {true} for addresses that change, {false} for a list
     */
    shuffle?: boolean | undefined;
    /**
     * Maximum number of addresses that the client uses.
     *
     * Clients choose different ones, and keep most of them when the list changes
     * (rendezvous hashing).
     *
     * @default {Infinity}
     */
    subset?: number | undefined;
    /**
     * Policy that spreads calls over the addresses.
     *
     * Policies, such as `roundRobin()`, are in `@lengthwise/lengthwise/balance`. The client then has one session for each address, in step with a list that
     * changes. If the server may call the client, it has one more, as without a
     * policy: broadcasts and topics reach the client through it only, so make
     * calls that subscribe to topics in `onSession`. Excludes `connections`.
     *
     * @default one session, or as many as `connections` says
     */
    balance?: BalancePolicy | undefined;
  }
  & ([keyof P["client"]] extends [never]
    ? ClientBaseOptions<P> & { handlers?: never }
    : ClientBaseOptions<P> & {
      /** A function for each method of the protocol's client side. */
      handlers: Handlers<P, "client", ClientContext<P>>;
    });

/** Options of a client, validated and with defaults. */
export interface ResolvedClientOptions<P extends AnyProtocol> {
  /** Options of its sessions. */
  readonly session: ResolvedSessionOptions;
  /** Returns the credentials for a session; `undefined` if there are none. */
  readonly credentials: () => unknown;
  /** Whether another call of `credentials` may return other credentials. */
  readonly freshCredentials: boolean;
  /** Options for the transport. */
  readonly transport: Omit<TransportConnectOptions, "signal">;
  /** Pauses between attempts to connect. */
  readonly reconnect: BackoffOptions;
  /** Bounds for the calls that wait. */
  readonly wait: WaitOptions;
  /** Maximum number of attempts of a call. */
  readonly maxAttempts: number;
  /** Budget of the calls that are sent again. */
  readonly budget: RetryBudgetOptions;
  /** Milliseconds for which a session that was cut is resumed. */
  readonly patience: number;
  /** Returns whether to resume a session at another address. */
  readonly locations: (location: string) => boolean;
  /** Number of sessions. */
  readonly connections: number;
  /** Called with each new session. */
  readonly onSession: (session: ClientSession<P>) => void | Promise<unknown>;
}

const NAMES: OptionNames<
  ClientBaseOptions<AnyProtocol> & { handlers: object }
> = {
  ...SESSION_OPTIONS,
  credentials: true,
  transport: true,
  reconnect: true,
  wait: true,
  retry: true,
  resume: true,
  connections: true,
  onSession: true,
  handlers: true,
};
/** Options that a client passes on; it sets the others itself. */
const TRANSPORT: OptionNames<
  Omit<TransportConnectOptions, "signal" | "retry">
> = {
  timeout: true,
  noDelay: "flag",
  keepAlive: "flag",
  autoSelectFamily: "flag",
  autoSelectFamilyAttemptDelay: true,
  link: true,
  tls: true,
};
const TRANSPORT_HINTS = {
  retry: "; use the option reconnect",
  signal: "; use close()",
} as const; // the values are texts
const RECONNECT: OptionNames<Omit<BackoffOptions, "maxSpread">> = {
  minDelay: true,
  maxDelay: true,
  spread: true,
};
const WAIT: OptionNames<WaitOptions> = {
  timeout: true,
  calls: true,
  bytes: true,
};
const RESUME = { patience: true, locations: true } as const; // the values are names only
const RETRY = { maxAttempts: true, budget: true } as const; // the values are names only
const BUDGET: OptionNames<RetryBudgetOptions> = {
  perSecond: true,
  ratio: true,
};

const WHERE = "createClient()";
/** Milliseconds to connect to one of several addresses. */
const TIMEOUT_OF_SEVERAL = 3_000;
/** Milliseconds to resume a session while other servers could be reached. */
const PATIENCE_OF_SEVERAL = 3_000;
/** Longest time of a timer, in ms. */
const MAX_TIME = 0x7fff_ffff;

/**
 * Validates the options and fills in the defaults.
 *
 * @param addresses number of addresses
 * @param plugins the parts that the options may need
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown or has the wrong type
 */
export function resolveClientOptions<P extends AnyProtocol>(
  options: ClientBaseOptions<P>,
  addresses: number,
  plugins: SessionPlugins,
): ResolvedClientOptions<P> {
  checkOptions(WHERE, options, NAMES);
  const { reconnect = {}, wait = {}, retry = {}, transport = {} } = options;
  const { credentials, connections = 1, onSession = () => {} } = options;
  const { maxAttempts = 3, budget = {} } = retry;
  const { resume = {} } = options;
  const sockets = checkNames(
    `the option transport of ${WHERE}`,
    transport,
    TRANSPORT,
    TRANSPORT_HINTS,
  );
  checkOptions(`the option reconnect of ${WHERE}`, reconnect, RECONNECT);
  checkOptions(`the option wait of ${WHERE}`, wait, WAIT);
  checkOptions(`the option retry of ${WHERE}`, retry, RETRY);
  checkOptions(`the option resume of ${WHERE}`, resume, RESUME);
  checkOptions(`the option retry.budget of ${WHERE}`, budget, BUDGET);
  checkFunction("onSession", onSession);
  const { minDelay = 100, maxDelay = 10_000, spread } = reconnect;
  const { timeout = 10_000, calls = 1_000, bytes = 4 * 1024 * 1024 } = wait;
  const { perSecond = 10, ratio = 0.1 } = budget;
  checkRange("transport.timeout", transport.timeout ?? 0, 0, MAX_TIME);
  checkRange("reconnect.minDelay", minDelay, 1, MAX_TIME);
  checkRange("reconnect.maxDelay", maxDelay, minDelay, MAX_TIME);
  checkRange("reconnect.spread", spread ?? 0, 0, MAX_TIME);
  checkRange("wait.timeout", timeout, 0, MAX_TIME);
  checkRange("wait.calls", calls, 0, Infinity);
  checkRange("wait.bytes", bytes, 0, Infinity);
  checkRange("retry.maxAttempts", maxAttempts, 1, Infinity);
  checkRange("retry.budget.perSecond", perSecond, 0, Infinity);
  checkRange("retry.budget.ratio", ratio, 0, 1);
  const { patience = addresses > 1 ? PATIENCE_OF_SEVERAL : MAX_TIME } = resume;
  checkTime("create a client with resume.patience", patience);
  if (options.resume !== undefined && plugins.resumption === undefined) {
    throw pluginMissing('the option "resume"', "resumption");
  }
  const { locations = () => false } = resume;
  checkFunction("resume.locations", locations);
  if (patience === 0) checkUnusedLocations(WHERE, resume.locations);
  checkRange("connections", connections, 1, 1_000, "an integer ");
  const fresh = typeof credentials === "function";
  return {
    session: resolveSessionOptions("client", options, plugins),
    credentials: fresh ? () => credentials() : () => credentials,
    freshCredentials: fresh,
    transport: addresses > 1
      ? { timeout: TIMEOUT_OF_SEVERAL, ...sockets }
      : sockets,
    // Calls wait meanwhile, so the pause must be well below their timeout.
    reconnect: {
      minDelay,
      maxDelay,
      spread,
      maxSpread: Math.max(spread ?? 0, timeout / 2),
    },
    wait: { timeout, calls, bytes },
    maxAttempts,
    patience,
    locations,
    budget: { perSecond, ratio },
    connections,
    onSession,
  };
}

function checkRange(
  name: string,
  value: number,
  least: number,
  most: number,
  integer = "",
): void {
  const valid = integer ? Number.isInteger(value) : typeof value === "number";
  if (valid && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot create a client as '${name}' must be ${integer}from ${least} to ${most}: current value is ${value}`,
  );
}
