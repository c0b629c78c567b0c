/**
 * Releases the descriptor of a WebSocket whose peer does not answer.
 *
 * @module
 */

/**
 * Ends a WebSocket without waiting for the peer's closing handshake.
 *
 * The web standard has no such call, and Deno never gives up waiting by itself
 * (https://github.com/denoland/deno/issues/36337). In Deno, the socket's
 * resource is therefore closed by its id, which is an internal property; the
 * socket then reports that it has closed. The sockets of the package `ws` have
 * `terminate()`. Browsers and Node.js limit the wait themselves.
 *
 * @param socket the socket, after `close` was called
 */
export function releaseWebSocket(socket: WebSocket): void {
  if (socket.readyState === socket.CLOSED) return;
  const terminate = property(socket, "terminate");
  if (typeof terminate === "function") return void terminate.call(socket);
  const deno = property(globalThis, "Deno");
  const core = property(property(deno, property(deno, "internal")), "core");
  const tryClose = property(core, "tryClose");
  const id = Object.getOwnPropertySymbols(socket)
    .find(({ description }) => description === "[[rid]]");
  const resource = property(socket, id);
  if (typeof tryClose !== "function" || typeof resource !== "number") return;
  tryClose.call(core, resource);
}

function property(target: unknown, name: unknown): unknown {
  if (typeof target !== "object" || target === null) return undefined;
  return Reflect.get(target, typeof name === "symbol" ? name : String(name));
}
