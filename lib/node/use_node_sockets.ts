/**
 * The choice of `node:net` for the sockets of this process.
 *
 * @module
 */
import process from "node:process";
import { setPlatform } from "../transport/current_platform.ts";
import { nodePlatform } from "./node_platform.ts";

/**
 * Lets all entries use the sockets of Node.js or Bun.
 *
 * Call it once, before the first connection; further calls change nothing. In
 * Deno, it has no effect, so that one program can run in each runtime. TCP and
 * Unix sockets use `node:net`, and TLS uses `node:tls`. TLS is not supported in
 * Bun, whose `node:tls` accepts data without limit while the peer reads nothing.
 *
 * @example
 * ```ts
 * import { useNodeSockets } from "@lengthwise/lengthwise/node";
 * import { connect, listen } from "@lengthwise/lengthwise/transport";
 *
 * useNodeSockets();
 * const listener = await listen({ port: 0 });
 * const connection = await connect(listener.addr);
 * connection.close();
 * listener.close();
 * ```
 *
 * @throws {Error} before Node.js 22, which lacks `Promise.withResolvers()` and more
 */
export function useNodeSockets(): void {
  const { node } = process.versions;
  if (Number.parseInt(node) < 22) {
    throw new Error(
      `Cannot use the sockets of Node.js ${node}: install Node.js 22 or later`,
    );
  }
  setPlatform(nodePlatform);
}
