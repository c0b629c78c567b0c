/**
 * A turn of the event loop, for whoever has had the thread long enough.
 *
 * @module
 */

/** Resolves after other tasks of the event loop have had their turn. */
export function turn(): Promise<void> {
  if (typeof globalThis.setImmediate === "function") {
    return new Promise((resolve) => void setImmediate(resolve));
  }
  // Browsers have no setImmediate, and clamp nested setTimeout calls to 4 ms.
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
