/**
 * Records the bytes of a session with all kinds of frames.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { connect } from "../../../lib/messages/client/connect.ts";
import type { Connection } from "../../../lib/transport/connection.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { Shop, shop } from "../shop.ts";

/** Bytes of a session, as the client wrote and read them. */
export interface SessionBytes {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
  /** Text of the credentials. */
  readonly secret: string;
}

/** Makes calls of several shapes; returns the bytes in both directions. */
export async function withSessionBytes(): Promise<SessionBytes> {
  const { server } = shop({ authenticate: true });
  const [near, far] = memoryPair();
  const accepted = server.accept(far);
  const written: Uint8Array[] = [];
  const read: Uint8Array[] = [];
  const session = await connect(Shop, recorded(near, written, read), {
    credentials: "secret",
    handlers: { news: () => {} },
  });
  const { remote } = session;
  await remote.price({ sku: "tea" });
  await remote.price({ sku: "milk" }).catch(() => {});
  await remote.sum([1, 2]).result;
  for await (const _ of remote.room.upper(["a", "b"]));
  await remote.log({ a: 1 });
  await remote.room.join("hi");
  await session.refresh("secret");
  await session.close();
  await accepted;
  return { client: concat(written), server: concat(read), secret: "secret" };
}

function recorded(
  connection: Connection,
  written: Uint8Array[],
  read: Uint8Array[],
): Connection {
  return {
    localAddr: connection.localAddr,
    remoteAddr: connection.remoteAddr,
    async read(buffer) {
      const count = await connection.read(buffer);
      if (count !== null) read.push(buffer.slice(0, count));
      return count;
    },
    async write(data) {
      const count = await connection.write(data);
      written.push(data.slice(0, count));
      return count;
    },
    closeWrite: () => connection.closeWrite(),
    close: () => connection.close(),
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}
