/**
 * Two connections joined inside one process: for tests, and for parts of one
 * program that talk as if they were two. Latency, small buffers and broken
 * connections on demand.
 *
 * @module
 */
import { MemoryPipe, type PipeShape } from "./memory_pipe.ts";
import { formatAddress } from "../address.ts";
import type { Connection, SocketAddress } from "../connection.ts";
import type { SocketConnection } from "../socket_connection.ts";
import { SocketConnectionImpl } from "../socket_connection_impl.ts";

/** A number of bytes, or bounds between which the seed draws one for each call. */
export type MemoryChunkSize = number | {
  /** The least, at least 1. */
  readonly min: number;
  /** The most. */
  readonly max: number;
};

/**
 * Something that goes wrong in one direction, once `after` bytes have passed:
 *
 * - `"cut"`: the reader gets them and then the end of the stream, as if the
 *   writer's process had been killed; the writer gets `"reset"`
 * - `"reset"`: the reader gets them, then both sides get `"reset"` in both
 *   directions
 * - `"stall"`: what follows never arrives; writes are taken until `capacity` is
 *   full
 */
export interface MemoryFault {
  /** What happens. */
  readonly kind: "cut" | "reset" | "stall";
  /** Bytes that pass unharmed. */
  readonly after: number;
}

/** How one direction behaves. */
export interface MemoryLinkOptions {
  /**
   * Bytes held between writer and reader; a write waits while it is full.
   *
   * @default {65536}
   */
  capacity?: number;
  /**
   * Milliseconds from write to read, by the real clock.
   *
   * @default {0}
   */
  latency?: number;
  /**
   * Bytes that one read returns at most.
   *
   * @default {Infinity}
   */
  readSize?: MemoryChunkSize;
  /**
   * Bytes that one write takes at most.
   *
   * @default {Infinity}
   */
  writeSize?: MemoryChunkSize;
  /** What goes wrong; nothing by default. */
  fault?: MemoryFault;
}

/** Options of {@linkcode memoryPair}. Those of one direction go before those of both. */
export interface MemoryPairOptions extends MemoryLinkOptions {
  /** From the first connection (the client) to the second. */
  toServer?: MemoryLinkOptions;
  /** From the second connection (the server) to the first. */
  toClient?: MemoryLinkOptions;
  /**
   * Where the draws of `readSize` and `writeSize` start: without latency the
   * same seed and the same calls give the same cuts.
   *
   * @default {1}
   */
  seed?: number;
  /**
   * Name in both addresses.
   *
   * @default {"pair"}
   */
  name?: string;
}

/**
 * Joins two connections.
 *
 * @example A stream in pieces of one to three bytes
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
 * @example A connection that is cut after four bytes
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
 * @param options how the link behaves
 * @returns the client's end and the server's end
 * @throws {RangeError} for a size, capacity, latency or fault that cannot be
 */
export function memoryPair(
  options: MemoryPairOptions = {},
): [client: SocketConnection, server: SocketConnection] {
  const [client, server] = memoryEnds(options);
  return [new SocketConnectionImpl(client), new SocketConnectionImpl(server)];
}

/**
 * The ends of a pair before they are dressed as connections.
 *
 * @param options how the link behaves
 */
export function memoryEnds(
  options: MemoryPairOptions,
): [client: Connection, server: Connection] {
  const { toServer, toClient, seed = 1, name = "pair", ...both } = options;
  const addr: SocketAddress = { transport: "memory", name };
  const text = formatAddress(addr);
  const random = generator(seed);
  const up = new MemoryPipe(shape({ ...both, ...toServer }, random), text);
  const down = new MemoryPipe(shape({ ...both, ...toClient }, random), text);
  up.onReset = () => down.reset();
  down.onReset = () => up.reset();
  // A fault behind byte 0 is there from the start.
  up.strike();
  down.strike();
  return [end(up, down, addr), end(down, up, addr)];
}

function end(
  out: MemoryPipe,
  into: MemoryPipe,
  addr: SocketAddress,
): Connection {
  const close = () => {
    out.dropWriter();
    into.dropReader();
  };
  return {
    localAddr: addr,
    remoteAddr: addr,
    read: (buffer) => into.read(buffer),
    write: (data) => out.write(data),
    closeWrite: () => Promise.resolve(out.end()),
    close,
    [Symbol.dispose]: close,
  };
}

function shape(options: MemoryLinkOptions, random: () => number): PipeShape {
  const {
    capacity = 65_536,
    latency = 0,
    readSize = Infinity,
    writeSize = Infinity,
    fault,
  } = options;
  checkBytes("capacity", capacity, 1);
  checkAtLeast("latency", latency, 0);
  if (fault !== undefined) checkBytes("fault.after", fault.after, 0);
  return {
    capacity,
    latency,
    readLimit: drawer("readSize", readSize, random),
    writeLimit: drawer("writeSize", writeSize, random),
    ...(fault && { fault }),
  };
}

function drawer(
  name: string,
  size: MemoryChunkSize,
  random: () => number,
): () => number {
  const { min, max } = typeof size === "number"
    ? { min: size, max: size }
    : size;
  checkBytes(name, min, 1);
  checkBytes(name, max, min);
  if (min === max) return () => max;
  if (max === Infinity) {
    throw new RangeError(
      `Cannot join a memory pair as '${name}.max' must be finite to draw from: current value is ${max}`,
    );
  }
  return () => min + Math.floor(random() * (max - min + 1));
}

function checkAtLeast(name: string, value: number, least: number): void {
  if (value >= least) return;
  throw new RangeError(
    `Cannot join a memory pair as '${name}' must be at least ${least}: current value is ${value}`,
  );
}

function checkBytes(name: string, value: number, least: number): void {
  checkAtLeast(name, value, least);
  if (Number.isInteger(value) || value === Infinity) return;
  throw new RangeError(
    `Cannot join a memory pair as '${name}' must be a whole number of bytes: current value is ${value}`,
  );
}

/** Mulberry32: a full-period 32-bit generator, so that a seed replays. */
function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
