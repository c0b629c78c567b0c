/**
 * Reads and writes of whole buffers, on any {@linkcode Connection}.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { handled } from "../support/handled.ts";
import { formatAddress } from "./address.ts";
import type { Connection } from "./connection.ts";
import { TransportError } from "./errors.ts";
import { destroy } from "./destroy.ts";

/**
 * Options for {@linkcode writeAll} and {@linkcode readExactly}.
 *
 * @category Connections
 */
export interface TransferOptions {
  /**
   * Closes the connection immediately when aborted, without lingering.
   *
   * The connection would not be usable anyway, because it is unknown how much
   * was transferred.
   */
  signal?: AbortSignal | undefined;
}

const OPTIONS: OptionNames<TransferOptions> = { signal: true };

/** The last transfer on each connection; the next one waits for it. */
type Queue = WeakMap<Connection, Promise<unknown>>;

const writes: Queue = new WeakMap();
const reads: Queue = new WeakMap();

/**
 * Writes all bytes of a buffer.
 *
 * Calls on the same connection are queued in order, so their bytes never mix.
 * If a call fails, the queued calls after it fail too.
 *
 * @example Share a connection between two writers
 * ```ts
 * import { readExactly, writeAll } from "@lengthwise/lengthwise/transport";
 * import { memoryPair } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, server] = memoryPair({ writeSize: 1 });
 * await Promise.all([
 *   writeAll(client, new Uint8Array([1, 2])),
 *   writeAll(client, new Uint8Array([3, 4])),
 * ]);
 * const buffer = new Uint8Array(4);
 * await readExactly(server, buffer);
 * assertEquals(buffer, new Uint8Array([1, 2, 3, 4]));
 * ```
 *
 * @param connection the connection to write to
 * @param data the bytes; do not change them until the promise settles
 * @param options a signal
 * @throws {TransportError} with code `"closed"` or `"reset"`
 * @throws {Error} if `write` of a custom connection returns an invalid count
 * @throws {TypeError} if an option is unknown
 * @throws {unknown} the signal's reason, if the signal is aborted
 *
 * @category Connections
 */
export function writeAll(
  connection: Connection,
  data: Uint8Array,
  options: TransferOptions = {},
): Promise<void> {
  return enqueue(
    "writeAll()",
    writes,
    connection,
    options,
    () => drain(connection, data),
  );
}

/**
 * Reads until a buffer is full.
 *
 * Calls on the same connection are queued in order.
 *
 * @example Read a four-byte header
 * ```ts
 * import { readExactly, writeAll } from "@lengthwise/lengthwise/transport";
 * import { memoryPair } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, server] = memoryPair();
 * await writeAll(client, new Uint8Array([0, 0, 1, 0]));
 * await client.closeWrite();
 * const header = new Uint8Array(4);
 * assertEquals(await readExactly(server, header), true);
 * assertEquals(await readExactly(server, header), false);
 * ```
 *
 * @param connection the connection to read from
 * @param buffer the buffer to fill
 * @param options a signal
 * @returns `true`, or `false` if the stream ends before the first byte
 * @throws {TransportError} with code `"truncated"` if the stream ends after the
 * first byte but before the last one, or with code `"closed"` or `"reset"`
 * @throws {Error} if `read` of a custom connection returns an invalid count
 * @throws {TypeError} if an option is unknown
 * @throws {unknown} the signal's reason, if the signal is aborted
 *
 * @category Connections
 */
export function readExactly(
  connection: Connection,
  buffer: Uint8Array,
  options: TransferOptions = {},
): Promise<boolean> {
  return enqueue(
    "readExactly()",
    reads,
    connection,
    options,
    () => fill(connection, buffer),
  );
}

/** Runs a transfer after those before it. Its result need not be awaited. */
function enqueue<T>(
  name: string,
  queue: Queue,
  connection: Connection,
  options: TransferOptions,
  transfer: () => Promise<T>,
): Promise<T> {
  const inTurn = async () => {
    checkOptions(name, options, OPTIONS);
    const { signal } = options;
    signal?.throwIfAborted();
    const previous = queue.get(connection);
    const current = previous === undefined
      ? transfer()
      : previous.then(transfer);
    queue.set(connection, current);
    const close = () => destroy(connection);
    signal?.addEventListener("abort", close, { once: true });
    try {
      return await current;
    } catch (error) {
      handled(result);
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener("abort", close);
      if (queue.get(connection) === current) queue.delete(connection);
    }
  };
  const result: Promise<T> = inTurn();
  return result;
}

async function drain(connection: Connection, data: Uint8Array): Promise<void> {
  let written = 0;
  while (written < data.length) {
    const count = await connection.write(
      written === 0 ? data : data.subarray(written),
    );
    checkCount("write", count, data.length - written);
    written += count;
  }
}

/**
 * Checks the count that a connection returned. A custom connection that returns
 * 0 would otherwise keep the loop busy forever.
 */
function checkCount(verb: "read" | "write", count: number, most: number): void {
  if (count >= 1 && count <= most && Number.isInteger(count)) return;
  throw new Error(
    `Cannot ${verb}: the connection returned a count of ${count}; expected 1 to ${most}${
      verb === "read" ? ", or null" : ""
    }`,
  );
}

async function fill(
  connection: Connection,
  buffer: Uint8Array,
): Promise<boolean> {
  let filled = 0;
  while (filled < buffer.length) {
    const count = await connection.read(
      filled === 0 ? buffer : buffer.subarray(filled),
    );
    if (count === null) {
      if (filled === 0) return false;
      const address = formatAddress(connection.remoteAddr);
      throw new TransportError(
        `Cannot read ${buffer.length} bytes from ${address}: the stream ended after ${filled} bytes`,
        { code: "truncated", address },
      );
    }
    checkCount("read", count, buffer.length - filled);
    filled += count;
  }
  return true;
}
