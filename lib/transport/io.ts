/**
 * Whole writes and whole reads over any {@linkcode Connection}.
 *
 * @module
 */
import { formatAddress } from "./address.ts";
import type { Connection } from "./connection.ts";
import { TransportError } from "./errors.ts";

/** Options of {@linkcode writeAll} and {@linkcode readExactly}. */
export interface TransferOptions {
  /**
   * Closes the connection when aborted: how much of a transfer has happened is
   * unknown then, so nothing sensible could follow on it.
   */
  signal?: AbortSignal;
}

/** Per connection, the transfer that the next one has to wait for. */
type Queue = WeakMap<Connection, Promise<unknown>>;

const writes: Queue = new WeakMap();
const reads: Queue = new WeakMap();

/**
 * Writes all of the bytes. Calls on the same connection queue up in their
 * order, so that their bytes never mix; once one has failed, so do those behind.
 *
 * @example Two writers, one stream
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
 * @param connection where to
 * @param data the bytes; they must not change until the promise settles
 * @param options a signal
 * @throws {TransportError} of kind `"closed"` or `"reset"`; the signal's reason
 */
export function writeAll(
  connection: Connection,
  data: Uint8Array,
  options: TransferOptions = {},
): Promise<void> {
  return inTurn(writes, connection, options, () => drain(connection, data));
}

/**
 * Fills the buffer. Calls on the same connection queue up in their order.
 *
 * @example A header of four bytes
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
 * @param connection where from
 * @param buffer what to fill
 * @param options a signal
 * @returns `true`; `false` when the stream ended before the first byte
 * @throws {TransportError} of kind `"truncated"` when the stream ended after it;
 * `"closed"` or `"reset"`; the signal's reason
 */
export function readExactly(
  connection: Connection,
  buffer: Uint8Array,
  options: TransferOptions = {},
): Promise<boolean> {
  return inTurn(reads, connection, options, () => fill(connection, buffer));
}

async function inTurn<T>(
  queue: Queue,
  connection: Connection,
  { signal }: TransferOptions,
  transfer: () => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const before = queue.get(connection);
  const mine = before === undefined ? transfer() : before.then(transfer);
  queue.set(connection, mine);
  // Not `close`: of a Deno.Conn that throws the second time, out of an event.
  const close = () => connection[Symbol.dispose]();
  signal?.addEventListener("abort", close, { once: true });
  try {
    return await mine;
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener("abort", close);
    if (queue.get(connection) === mine) queue.delete(connection);
  }
}

async function drain(connection: Connection, data: Uint8Array): Promise<void> {
  let written = 0;
  while (written < data.length) {
    written += await connection.write(
      written === 0 ? data : data.subarray(written),
    );
  }
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
        `Cannot read ${buffer.length} bytes from ${address}: the stream ended after ${filled}`,
        { kind: "truncated", address },
      );
    }
    filled += count;
  }
  return true;
}
