/**
 * A connected pair within one process, with latency, small buffers and faults.
 *
 * Use it in tests, and in programs whose parts communicate as if they were
 * separate processes.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import { seededRandom } from "../../support/seeded_random.ts";
import {
  type MemoryFault,
  MemoryPipe,
  type PipeOptions,
} from "./memory_pipe.ts";
import { formatAddress } from "../address.ts";
import type { SocketAddress } from "../connection.ts";
import type { SocketConnection } from "../socket_connection.ts";
import {
  type LowerConnection,
  SocketConnectionImpl,
} from "../socket_connection_impl.ts";

/**
 * A number, or a range for random whole numbers.
 *
 * @category Pairs
 */
export type MemoryRange = number | {
  /** Lower bound. */
  readonly min: number;
  /** Upper bound, inclusive. */
  readonly max: number;
};

/**
 * The behavior of one direction of a memory connection.
 *
 * @category Pairs
 */
export interface MemoryLinkOptions {
  /**
   * Size of the buffer between writer and reader, in bytes.
   *
   * A write waits while the buffer is full.
   *
   * @default {65536}
   */
  capacity?: number | undefined;
  /**
   * Milliseconds from write to read. Bytes never overtake each other.
   *
   * @default {0}
   */
  latency?: MemoryRange | undefined;
  /**
   * Maximum number of bytes that one read returns.
   *
   * @default {Infinity}
   */
  readSize?: MemoryRange | undefined;
  /**
   * Maximum number of bytes that one write accepts.
   *
   * @default {Infinity}
   */
  writeSize?: MemoryRange | undefined;
  /** Fault to simulate; none by default. */
  fault?: MemoryFault | undefined;
}

/**
 * Options for {@linkcode memoryPair}.
 *
 * Options for one direction take precedence over options for both.
 *
 * @category Pairs
 */
export interface MemoryPairOptions extends MemoryLinkOptions {
  /** Options for the direction to the server, the second connection. */
  toServer?: MemoryLinkOptions | undefined;
  /** Options for the direction to the client, the first connection. */
  toClient?: MemoryLinkOptions | undefined;
  /**
   * Seed for the random sizes of reads and writes.
   *
   * Without latency, the same seed and the same calls produce the same sizes.
   *
   * @default {1}
   */
  seed?: number | undefined;
  /**
   * Name in the addresses of both connections.
   *
   * @default {"pair"}
   */
  name?: string | undefined;
}

/**
 * Returns the two ends of a new connection in memory.
 *
 * @example Read a stream in pieces of one to three bytes
 * ```ts
 * import { readExactly, writeAll } from "@lengthwise/lengthwise/transport";
 * import { memoryPair } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, server] = memoryPair({ readSize: { min: 1, max: 3 }, seed: 7 });
 * await writeAll(client, new TextEncoder().encode("in pieces"));
 * const buffer = new Uint8Array(9);
 * await readExactly(server, buffer);
 * assertEquals(new TextDecoder().decode(buffer), "in pieces");
 * client.close();
 * server.close();
 * ```
 *
 * @example Cut a connection after four bytes
 * ```ts
 * import { writeAll } from "@lengthwise/lengthwise/transport";
 * import { memoryPair } from "@lengthwise/lengthwise/testing";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const [client, server] = memoryPair({
 *   toServer: { fault: { kind: "cut", after: 4 } },
 * });
 * await assertRejects(() => writeAll(client, new Uint8Array(10)));
 * assertEquals(await server.read(new Uint8Array(10)), 4);
 * assertEquals(await server.read(new Uint8Array(10)), null);
 * ```
 *
 * @param options behavior of the link
 * @returns the client's end and the server's end
 * @throws {RangeError} if a size, a capacity, a latency or a fault is invalid
 * @throws {TypeError} if an option is unknown
 *
 * @category Pairs
 */
export function memoryPair(
  options: MemoryPairOptions = {},
): [client: SocketConnection, server: SocketConnection] {
  const [client, server] = memoryEnds(options);
  return [new SocketConnectionImpl(client), new SocketConnectionImpl(server)];
}

/**
 * Returns the two ends of a pair as bare connections.
 *
 * @param options behavior of the link
 */
export function memoryEnds(
  options: MemoryPairOptions,
): [client: LowerConnection, server: LowerConnection] {
  const { client, server } = memoryLink(options);
  return [client, server];
}

/** The two directions of a connection, and its two ends. */
export interface MemoryLink {
  /** The direction to the server. */
  readonly up: MemoryPipe;
  /** The direction to the client. */
  readonly down: MemoryPipe;
  /** The client's end. */
  readonly client: LowerConnection;
  /** The server's end. */
  readonly server: LowerConnection;
}

/**
 * Returns a connection with its directions, whose faults can be set later.
 *
 * @param options behavior of the link
 */
export function memoryLink(options: MemoryPairOptions): MemoryLink {
  checkOptions("memoryPair()", options, PAIR_OPTIONS);
  const { toServer = {}, toClient = {}, seed = 1, name = "pair", ...both } =
    options;
  checkOptions("the option toServer of memoryPair()", toServer, LINK_OPTIONS);
  checkOptions("the option toClient of memoryPair()", toClient, LINK_OPTIONS);
  const addr: SocketAddress = { transport: "memory", name };
  const text = formatAddress(addr);
  const random = seededRandom(seed);
  const up = new MemoryPipe(
    pipeOptions({ ...both, ...toServer }, random),
    text,
  );
  const down = new MemoryPipe(
    pipeOptions({ ...both, ...toClient }, random),
    text,
  );
  up.onReset = () => down.reset();
  down.onReset = () => up.reset();
  up.readerClosed = () => down.closeArrived;
  down.readerClosed = () => up.closeArrived;
  // A fault after 0 bytes is in effect from the start.
  up.injectFault();
  down.injectFault();
  return {
    up,
    down,
    client: end(up, down, addr),
    server: end(down, up, addr),
  };
}

function end(
  out: MemoryPipe,
  into: MemoryPipe,
  addr: SocketAddress,
): LowerConnection {
  const close = () => {
    out.closeWriter();
    into.closeReader();
  };
  return {
    localAddr: addr,
    remoteAddr: addr,
    read: (buffer) => into.read(buffer),
    write: (data) => out.write(data),
    closeWrite: () => Promise.resolve(out.end()),
    // A pipe keeps what was written, so closing it destroys nothing.
    linger: () => undefined,
    close,
    [Symbol.dispose]: close,
  };
}

function pipeOptions(
  options: MemoryLinkOptions,
  random: () => number,
): PipeOptions {
  const {
    capacity = 65_536,
    latency = 0,
    readSize = Infinity,
    writeSize = Infinity,
    fault,
  } = options;
  checkBytes("capacity", capacity, 1);
  if (fault !== undefined) checkFault(fault);
  return {
    capacity,
    latency: latency === 0 ? undefined : delayGenerator(latency, random),
    readLimit: sizeGenerator("readSize", readSize, random),
    writeLimit: sizeGenerator("writeSize", writeSize, random),
    ...(fault && { fault }),
  };
}

const LINK_OPTIONS: OptionNames<MemoryLinkOptions> = {
  capacity: true,
  latency: true,
  readSize: true,
  writeSize: true,
  fault: true,
};

const PAIR_OPTIONS: OptionNames<MemoryPairOptions> = {
  ...LINK_OPTIONS,
  toServer: true,
  toClient: true,
  seed: true,
  name: true,
};

const FAULT_OPTIONS: OptionNames<MemoryFault> = { kind: true, after: true };

const FAULTS: readonly unknown[] = ["cut", "reset", "stall"];

function checkFault(fault: MemoryFault): void {
  checkOptions("the option fault of memoryPair()", fault, FAULT_OPTIONS);
  const { kind, after } = fault;
  if (!FAULTS.includes(kind)) {
    throw new RangeError(
      `Cannot create a memory pair as 'fault.kind' must be one of ${
        FAULTS.map((name) => `"${name}"`).join(", ")
      }: current value is ${kind}`,
    );
  }
  checkBytes("fault.after", after, 0);
}

const RANGE_OPTIONS = { min: true, max: true } as const; // the literal type that checkOptions() wants

/** Returns the bounds of a range. */
function bounds(
  name: string,
  range: MemoryRange,
): { min: number; max: number } {
  if (typeof range === "number") return { min: range, max: range };
  checkOptions(`the option ${name} of memoryPair()`, range, RANGE_OPTIONS);
  return range;
}

function delayGenerator(
  range: MemoryRange,
  random: () => number,
): () => number {
  const { min, max } = bounds("latency", range);
  checkAtLeast("latency", min, 0);
  checkAtLeast("latency", max, min);
  return between(min, max, random);
}

function sizeGenerator(
  name: string,
  size: MemoryRange,
  random: () => number,
): () => number {
  const { min, max } = bounds(name, size);
  checkBytes(name, min, 1);
  checkBytes(name, max, min);
  if (max === Infinity && min < max) {
    throw new RangeError(
      `Cannot create a memory pair as '${name}.max' must be finite if 'min' is smaller: current value is ${max}`,
    );
  }
  return between(min, max, random);
}

function between(min: number, max: number, random: () => number): () => number {
  if (min === max) return () => max;
  return () => min + Math.floor(random() * (max - min + 1));
}

function checkAtLeast(name: string, value: number, min: number): void {
  if (value >= min) return;
  throw new RangeError(
    `Cannot create a memory pair as '${name}' must be at least ${min}: current value is ${value}`,
  );
}

function checkBytes(name: string, value: number, min: number): void {
  checkAtLeast(name, value, min);
  if (Number.isInteger(value) || value === Infinity) return;
  throw new RangeError(
    `Cannot create a memory pair as '${name}' must be a whole number of bytes: current value is ${value}`,
  );
}
