/**
 * Every limit of a session, in one place, each with what it stops.
 *
 * @module
 */

import { MAX_HELLO } from "./hello.ts";

/** Limits of one side of a connection. All are settable; sizes are in bytes, times in ms. */
export interface SessionLimits {
  /** Bytes behind the header of one frame. Stops one message from blocking the others. @default {131072} */
  maxFrameBody: number;
  /** Bytes of one message, put together. Stops memory from growing with what a peer claims. @default {4194304} */
  maxMessage: number;
  /** Bytes of a client's handshake; a server's may have 65,536. @default {65536} */
  maxHello: number;
  /** Time for the handshake, authentication included, and for taking refreshed credentials. Stops connections that say nothing. @default {5000} */
  handshakeTimeout: number;
  /** Bytes of one call's metadata. @default {8192} */
  maxMetadata: number;
  /** Calls that the peer may have in flight here. @default {1024} */
  maxCalls: number;
  /** Calls of ours that may wait for a place or for credit. @default {1024} */
  maxQueuedCalls: number;
  /** Credit a stream starts with. @default {32768} */
  streamWindow: number;
  /** Credit a stream that is read is raised to. @default {262144} */
  maxStreamWindow: number;
  /** Credit for requests and notifications, and the pool from which streams are raised. @default {4194304} */
  connectionWindow: number;
  /** Bytes of unfinished messages of one connection, ours or the peer's. Stops many half-sent messages, and many half-taken ones. @default {16777216, or four times `maxMessage` if that is more} */
  maxAssembly: number;
  /** Frames of one message. Stops floods of tiny fragments; senders may need one for each 16 KiB. @default {1024} */
  maxFragments: number;
  /** Time from a message's first frame to its last. @default {30000} */
  assemblyTimeout: number;
  /** Silence after which a PING is sent. @default {15000} */
  heartbeat: number;
  /** PINGs without a byte read after which the peer is dead. @default {2} */
  heartbeatMisses: number;
  /** Cancels a second that a peer may send, with bursts of as many as {@linkcode SessionLimits.maxCalls}. Stops rapid reset. @default {1000} */
  cancelsPerSecond: number;
  /** PINGs a second that a peer may send, with bursts of twice as many. @default {10} */
  pingsPerSecond: number;
  /** Unsent bytes from which on new calls are refused; from three quarters of them on, results wait. @default {1048576} */
  unsentSoft: number;
  /** Unsent bytes at which the connection is cut. @default {4194304} */
  unsentHard: number;
  /** Time without the peer taking a byte, with something unsent, after which the connection is cut. @default {30000} */
  writeStall: number;
  /** Methods that a peer may list in its handshake. @default {1024} */
  maxMethods: number;
  /** Time that calls in flight are given when draining. @default {10000} */
  drainGrace: number;
}

/** The defaults. */
export const DEFAULT_LIMITS: Readonly<SessionLimits> = {
  maxFrameBody: 128 * 1024,
  maxMessage: 4 * 1024 * 1024,
  maxHello: MAX_HELLO,
  handshakeTimeout: 5_000,
  maxMetadata: 8 * 1024,
  maxCalls: 1024,
  maxQueuedCalls: 1024,
  streamWindow: 32 * 1024,
  maxStreamWindow: 256 * 1024,
  connectionWindow: 4 * 1024 * 1024,
  maxAssembly: 16 * 1024 * 1024,
  maxFragments: 1024,
  assemblyTimeout: 30_000,
  heartbeat: 15_000,
  heartbeatMisses: 2,
  cancelsPerSecond: 1000,
  pingsPerSecond: 10,
  unsentSoft: 1024 * 1024,
  unsentHard: 4 * 1024 * 1024,
  writeStall: 30_000,
  maxMethods: 1024,
  drainGrace: 10_000,
};

/** What holds for a peer until its HELLO has come (PROTOCOL.md, "Before the handshake"). */
export const INITIAL_PEER_LIMITS = {
  maxFrameBody: 16 * 1024,
  connectionWindow: 64 * 1024,
  maxCalls: 32,
  maxMessage: 64 * 1024,
  streamWindow: 0, // no items: nobody knows yet how many calls will share the server's memory
} as const;

/** Lowest and highest value of each limit. */
const RANGES: Readonly<Record<keyof SessionLimits, readonly [number, number]>> =
  {
    maxFrameBody: [16 * 1024, 16 * 1024 * 1024],
    maxMessage: [64 * 1024, 2 ** 31 - 1],
    maxHello: [1024, MAX_HELLO],
    handshakeTimeout: [1, 2 ** 31 - 1],
    maxMetadata: [0, 60 * 1024],
    maxCalls: [32, 2 ** 20],
    maxQueuedCalls: [0, 2 ** 20],
    streamWindow: [1024, 2 ** 30],
    maxStreamWindow: [1024, 2 ** 30],
    connectionWindow: [64 * 1024, 2 ** 30],
    maxAssembly: [64 * 1024, 2 ** 31 - 1],
    maxFragments: [1, 2 ** 20],
    assemblyTimeout: [1, 2 ** 31 - 1],
    heartbeat: [100, 2 ** 31 - 1], // ten a second are what peers put up with
    heartbeatMisses: [1, 100],
    cancelsPerSecond: [1, 2 ** 31 - 1],
    pingsPerSecond: [1, 2 ** 31 - 1],
    unsentSoft: [64 * 1024, 2 ** 31 - 1],
    unsentHard: [128 * 1024, 2 ** 31 - 1],
    writeStall: [1, 2 ** 31 - 1],
    maxMethods: [1, 65_535],
    drainGrace: [0, 2 ** 31 - 1],
  };

/** A limit, what it must be at least, and how that is said. */
type Least = readonly [
  limit: keyof SessionLimits,
  least: (limits: SessionLimits) => number,
  words: string,
];

/** Limits that hold for a peer who does nothing wrong only together with others. */
const LEAST: readonly Least[] = [
  ["maxStreamWindow", ({ streamWindow }) => streamWindow, '"streamWindow"'],
  [
    // What may be added to unsentSoft: each send budget's share and a frame of each (send_budget.ts), and refusals.
    "unsentHard",
    ({ unsentSoft, maxFrameBody, maxCalls }) =>
      1.5 * unsentSoft + 4 * maxFrameBody + 256 * maxCalls,
    'one and a half times "unsentSoft", four times "maxFrameBody" and 256 times "maxCalls" together',
  ],
];

/**
 * Fills in the defaults and checks the ranges.
 *
 * @throws {RangeError} for a value out of its range, or for two that make no
 * sense together
 */
export function resolveSessionLimits(
  limits: Partial<SessionLimits> = {},
): SessionLimits {
  const { maxMessage = DEFAULT_LIMITS.maxMessage } = limits;
  const resolved: SessionLimits = {
    ...DEFAULT_LIMITS,
    // Or every message of that size would be one too many.
    maxAssembly: Math.min(
      Math.max(DEFAULT_LIMITS.maxAssembly, 4 * maxMessage),
      RANGES.maxAssembly[1],
    ),
    ...limits,
  };
  for (const [name, value] of Object.entries(resolved)) {
    const range = RANGES[name as keyof SessionLimits]; // entries() loses the key's type
    if (range === undefined) {
      throw new RangeError(
        `Cannot set limit "${name}": there is none of this name; there are ${
          Object.keys(RANGES).join(", ")
        }`,
      );
    }
    if (!Number.isSafeInteger(value) || value < range[0] || value > range[1]) {
      throw new RangeError(
        `Cannot use ${value} as limit "${name}": it must be an integer from ${
          range[0]
        } to ${range[1]}`,
      );
    }
  }
  checkOrder(resolved);
  return resolved;
}

function checkOrder(limits: SessionLimits): void {
  for (const [name, leastOf, words] of LEAST) {
    const least = leastOf(limits);
    if (limits[name] >= least) continue;
    throw new RangeError(
      `Cannot use ${
        limits[name]
      } as limit "${name}": it must be at least ${words}, which is ${least}`,
    );
  }
}
