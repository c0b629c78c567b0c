/**
 * Keeps the first bytes of a peer, which often name its protocol.
 *
 * @module
 */
import type { Connection } from "../transport/connection.ts";

/** Number of bytes that are kept. */
const MAX_HEAD = 16;

/** A connection that keeps its first bytes. */
export interface FirstBytes extends Connection {
  /** First bytes that were read; at most 16. */
  readonly head: Uint8Array;
}

/** Returns a connection that keeps its first bytes. */
export function withFirstBytes(connection: Connection): FirstBytes {
  let head = new Uint8Array(0);
  const keep = (bytes: Uint8Array) => {
    const more = bytes.subarray(0, MAX_HEAD - head.length);
    const kept = new Uint8Array(head.length + more.length);
    kept.set(head);
    kept.set(more, head.length);
    head = kept;
  };
  return {
    localAddr: connection.localAddr,
    remoteAddr: connection.remoteAddr,
    get head() {
      return head;
    },
    async read(buffer) {
      const count = await connection.read(buffer);
      if (count !== null && head.length < MAX_HEAD) {
        keep(buffer.subarray(0, count));
      }
      return count;
    },
    write: (data) => connection.write(data),
    closeWrite: () => connection.closeWrite(),
    close: () => connection.close(),
    ref: () => connection.ref?.(),
    unref: () => connection.unref?.(),
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}
