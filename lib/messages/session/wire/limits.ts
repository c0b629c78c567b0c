/**
 * The limits of a session, and the problems that they prevent.
 *
 * @module
 */

import { didYouMean } from "../../../support/did_you_mean.ts";
import { checkObject, withInherited } from "../../support/check_options.ts";
import { MAX_HELLO } from "./hello.ts";

/**
 * Limits of one end of a connection. Sizes are in bytes, times in milliseconds.
 *
 * @category Sessions
 */
export interface SessionLimits {
  /** Maximum size of a frame's body. Prevents one message from blocking the others. @default {131072} */
  maxFrameBody: number;
  /** Maximum size of a reassembled message. Prevents memory from growing with the size that a peer claims. @default {4194304} */
  maxMessage: number;
  /** Maximum size of a HELLO; a client accepts up to 65,536 bytes. @default {65536} */
  maxHello: number;
  /** Maximum size of the credentials that a server accepts, encoded. Decoded, they may hold 16 times as many heap bytes, or 64 KiB if that is more. Prevents work for clients that are not authenticated. @default {4096} */
  maxCredentials: number;
  /** Maximum number of refreshes that are checked per second. A burst may have 8; further ones are checked later. @default {1} */
  refreshesPerSecond: number;
  /** Time for the handshake, including authentication, and for accepting refreshed credentials. Prevents silent connections from staying open. @default {5000} */
  handshakeTimeout: number;
  /** Maximum size of a call's metadata. @default {8192} */
  maxMetadata: number;
  /** Maximum number of calls that the peer may have in flight. @default {1024} */
  maxCalls: number;
  /** Maximum size of the calls and notifications that wait. Each is charged 1,024 bytes in addition; a quarter is for messages of up to 16 KiB. @default {16777216} */
  maxQueuedBytes: number;
  /** Time for which a call may wait to be sent. At the callee, time for which it may wait for its handler. @default {10000} */
  queueTimeout: number;
  /** Heap bytes that the inputs of running handlers may hold; further requests and notifications wait. Prevents handlers from holding large inputs in any number. @default {16777216} */
  maxInputs: number;
  /** Initial credit of a stream. @default {32768} */
  streamWindow: number;
  /** Credit to which a stream's window grows while the stream is read. It grows as far as the link needs it. @default {4194304} */
  maxStreamWindow: number;
  /** Initial credit for all requests. @default {4194304} */
  connectionWindow: number;
  /** Initial credit for all notifications. @default {1048576} */
  notifyWindow: number;
  /** Initial credit for the items of all calls together; also the pool for raising stream windows. @default {4194304} */
  itemsWindow: number;
  /** Time after which an unread stream may be ended for others. @default {10000} */
  unreadTimeout: number;
  /** Maximum size of unfinished messages, and of items beyond their windows. Half of it is for items. Prevents half-sent and half-read messages from piling up. @default {16777216, or four times `maxMessage` if that is more} */
  maxAssembly: number;
  /** Maximum number of frames in a message. Prevents floods of tiny fragments; a sender may need one frame for each 16 KiB. @default {1024} */
  maxFragments: number;
  /** Time for which a message may arrive more slowly than at `minReadRate`. Bytes that arrive make up for the time that they take at that rate. Applies to the bytes of a frame as well. @default {30000} */
  assemblyTimeout: number;
  /** Lowest rate, in bytes per second, at which a message must arrive. Prevents peers from holding memory with a few bytes now and then. With 0, one part in `assemblyTimeout` suffices. @default {1024} */
  minReadRate: number;
  /** Time without incoming bytes after which a PING is sent. @default {15000} */
  heartbeat: number;
  /** Like `heartbeat`, while calls of this side are in flight: also the time for the reply to a PING. It is four round trips if they take longer, at most five times as long, and at most `heartbeat`. It is extended after many bytes. The PINGs of a peer that replies become rarer, up to five times. @default {1000} */
  pendingHeartbeat: number;
  /** Number of unanswered PINGs after which the peer counts as dead. @default {2} */
  heartbeatMisses: number;
  /** Number of calls per second that the peer may end early. It does so by cancelling them, breaking them, or letting their deadlines pass. A burst may have as many, or `maxCalls`; replies to further ones are delayed. Prevents rapid-reset attacks. @default {1000} */
  cancelsPerSecond: number;
  /** Maximum number of PINGs that are answered per second; further ones are answered later. @default {5} */
  pingsPerSecond: number;
  /** Number of unsent bytes at which calls and notifications wait. No handler is entered either. At three quarters of this limit, results wait. @default {1048576} */
  unsentSoft: number;
  /** Number of unsent bytes at which the connection is closed. @default {4194304} */
  unsentHard: number;
  /** Time for which the peer may read less than `minWriteRate`; then the connection is closed. Counts only while bytes are unsent. @default {30000} */
  writeStall: number;
  /** Lowest rate, in bytes per second, at which the peer must read. Counts only while bytes are unsent. With 0, one byte in `writeStall` suffices. @default {1024} */
  minWriteRate: number;
  /** Time for which frames are handled before other connections get a turn. Prevents one peer from starving the others. @default {4} */
  turnTime: number;
  /** Maximum number of methods that a peer may list in its HELLO. @default {1024} */
  maxMethods: number;
  /** Time for calls in flight to finish during a drain. @default {10000} */
  drainGrace: number;
  /** Time for sending accepted notifications when this side closes the session. It also limits the time for replies when one direction of the connection has ended. @default {1000} */
  closeTimeout: number;
}

/**
 * Default values of {@linkcode SessionLimits}.
 *
 * @category Sessions
 */
export const DEFAULT_LIMITS: Readonly<SessionLimits> = {
  maxFrameBody: 128 * 1024,
  maxMessage: 4 * 1024 * 1024,
  maxHello: MAX_HELLO,
  maxCredentials: 4096,
  refreshesPerSecond: 1,
  handshakeTimeout: 5_000,
  maxMetadata: 8 * 1024,
  maxCalls: 1024,
  maxQueuedBytes: 16 * 1024 * 1024,
  queueTimeout: 10_000,
  maxInputs: 16 * 1024 * 1024,
  streamWindow: 32 * 1024,
  maxStreamWindow: 4 * 1024 * 1024,
  connectionWindow: 4 * 1024 * 1024,
  notifyWindow: 1024 * 1024,
  itemsWindow: 4 * 1024 * 1024,
  unreadTimeout: 10_000,
  maxAssembly: 16 * 1024 * 1024,
  maxFragments: 1024,
  assemblyTimeout: 30_000,
  minReadRate: 1024,
  heartbeat: 15_000,
  pendingHeartbeat: 1000,
  heartbeatMisses: 2,
  cancelsPerSecond: 1000,
  pingsPerSecond: 5,
  unsentSoft: 1024 * 1024,
  unsentHard: 4 * 1024 * 1024,
  writeStall: 30_000,
  minWriteRate: 1024,
  turnTime: 4,
  maxMethods: 1024,
  drainGrace: 10_000,
  closeTimeout: 1000,
};

/** Limits of a peer until its HELLO arrives. See PROTOCOL.md, "Before the handshake is complete". */
export const INITIAL_PEER_LIMITS = {
  maxFrameBody: 16 * 1024,
  connectionWindow: 64 * 1024,
  maxCalls: 32,
  maxMessage: 64 * 1024,
  notifyWindow: 16 * 1024,
  streamWindow: 0, // no items yet: the number of calls that will share the server's memory is unknown
  itemsWindow: 0,
  maxAssembly: 64 * 1024,
} as const;

/** Lowest and highest value of each limit. */
const RANGES: Readonly<Record<keyof SessionLimits, readonly [number, number]>> =
  {
    maxFrameBody: [16 * 1024, 16 * 1024 * 1024],
    maxMessage: [64 * 1024, 2 ** 31 - 1],
    maxHello: [1024, MAX_HELLO],
    maxCredentials: [0, MAX_HELLO],
    refreshesPerSecond: [1, 2 ** 31 - 1],
    handshakeTimeout: [1, 2 ** 31 - 1],
    maxMetadata: [0, 60 * 1024],
    maxCalls: [32, 2 ** 20],
    maxQueuedBytes: [0, 2 ** 31 - 1],
    queueTimeout: [1, 2 ** 31 - 1],
    maxInputs: [64 * 1024, 2 ** 31 - 1],
    streamWindow: [1024, 2 ** 30],
    maxStreamWindow: [1024, 2 ** 30],
    connectionWindow: [64 * 1024, 2 ** 30],
    notifyWindow: [16 * 1024, 2 ** 30],
    itemsWindow: [64 * 1024, 2 ** 30],
    unreadTimeout: [1, 2 ** 31 - 1],
    maxAssembly: [128 * 1024, 2 ** 31 - 1], // HELLO states half of it, at least 64 KiB
    maxFragments: [1, 2 ** 20],
    assemblyTimeout: [1, 2 ** 31 - 1],
    minReadRate: [0, 2 ** 31 - 1],
    heartbeat: [200, 2 ** 31 - 1], // peers answer five PINGs per second by default
    pendingHeartbeat: [200, 2 ** 31 - 1],
    heartbeatMisses: [1, 100],
    cancelsPerSecond: [1, 2 ** 31 - 1],
    pingsPerSecond: [1, 2 ** 31 - 1],
    unsentSoft: [64 * 1024, 2 ** 31 - 1],
    unsentHard: [128 * 1024, 2 ** 31 - 1],
    writeStall: [1, 2 ** 31 - 1],
    minWriteRate: [0, 2 ** 31 - 1],
    turnTime: [1, 2 ** 31 - 1],
    maxMethods: [1, 65_535],
    drainGrace: [0, 2 ** 31 - 1],
    closeTimeout: [0, 2 ** 31 - 1],
  };

/** A limit, its minimum, and a description of that minimum. */
type Minimum = readonly [
  limit: keyof SessionLimits,
  minimum: (limits: SessionLimits) => number,
  description: string,
];

/** Minima that depend on other limits. With lower values, a conforming peer could exceed a limit. */
const MINIMA: readonly Minimum[] = [
  ["maxStreamWindow", ({ streamWindow }) => streamWindow, '"streamWindow"'],
  [
    // Up to this many bytes may be unsent: unsentSoft, the share of each send
    // budget and one more frame for each (send_budget.ts), and refusals.
    "unsentHard",
    ({ unsentSoft, maxFrameBody, maxCalls }) =>
      1.5 * unsentSoft + 4 * maxFrameBody + 256 * maxCalls,
    '1.5 × "unsentSoft" + 4 × "maxFrameBody" + 256 × "maxCalls"',
  ],
];

/** Limits that an application has set. */
type GivenLimits = {
  readonly [Name in keyof SessionLimits]?: SessionLimits[Name] | undefined;
};

/**
 * Fills in the defaults and checks the ranges.
 *
 * @throws {RangeError} if a limit is out of its range, or too low for the other
 * limits
 * @throws {TypeError} if the limits are not an object, or one is unknown
 */
export function resolveSessionLimits(limits?: GivenLimits): SessionLimits {
  if (limits === undefined) return usualLimits ??= resolveGiven({});
  if (typeof limits !== "object" || limits === null || Array.isArray(limits)) {
    checkObject('option "limits"', limits);
  }
  return resolveGiven(limits);
}

/** The limits without options, which sessions share; resolved on first use. */
let usualLimits: SessionLimits | undefined;

function resolveGiven(limits: GivenLimits): SessionLimits {
  const { maxMessage = DEFAULT_LIMITS.maxMessage } = limits;
  const given = Object.entries(withInherited(limits)).filter(
    ([name, value]) => {
      checkKnown(name);
      return value !== undefined;
    },
  );
  const resolved: SessionLimits = {
    ...DEFAULT_LIMITS,
    // Otherwise, one message of the maximum size could exceed maxAssembly.
    maxAssembly: Math.min(
      Math.max(DEFAULT_LIMITS.maxAssembly, 4 * maxMessage),
      RANGES.maxAssembly[1],
    ),
    ...Object.fromEntries(given),
  };
  for (const [name, value] of Object.entries(resolved)) {
    const range = RANGES[name as keyof SessionLimits]; // entries() loses the key's type
    if (!Number.isSafeInteger(value) || value < range[0] || value > range[1]) {
      throw new RangeError(
        `Cannot use ${value} as limit "${name}": it must be an integer from ${
          range[0]
        } to ${range[1]}`,
      );
    }
  }
  checkMinima(resolved);
  return Object.freeze(resolved);
}

function checkKnown(name: string): void {
  if (Object.hasOwn(RANGES, name)) return;
  const names = Object.keys(RANGES);
  const hint = didYouMean(name, names) ||
    `; expected one of ${names.join(", ")}`;
  throw new TypeError(`Unknown limit "${name}"${hint}`);
}

function checkMinima(limits: SessionLimits): void {
  for (const [name, minimumOf, description] of MINIMA) {
    const minimum = minimumOf(limits);
    if (limits[name] >= minimum) continue;
    throw new RangeError(
      `Cannot use ${
        limits[name]
      } as limit "${name}": it must be at least ${description}, which is ${minimum}`,
    );
  }
}
