/**
 * Counts the bytes of all connections that a command opens.
 *
 * @module
 */
import type { Io } from "./io.ts";

/** Numbers of bytes. */
export interface ByteCounts {
  /** Bytes that were written. */
  sent: number;
  /** Bytes that were read. */
  received: number;
}

/** Returns the surroundings of a command with connections that are counted. */
export function countedIo(io: Io, counts: ByteCounts): Io {
  return {
    ...io,
    async connect(address, options) {
      const connection = await io.connect(address, options);
      return {
        localAddr: connection.localAddr,
        remoteAddr: connection.remoteAddr,
        async read(buffer) {
          const count = await connection.read(buffer);
          counts.received += count ?? 0;
          return count;
        },
        async write(data) {
          const count = await connection.write(data);
          counts.sent += count;
          return count;
        },
        closeWrite: () => connection.closeWrite(),
        close: () => connection.close(),
        ref: () => connection.ref?.(),
        unref: () => connection.unref?.(),
        [Symbol.dispose]: () => connection[Symbol.dispose](),
      };
    },
  };
}
