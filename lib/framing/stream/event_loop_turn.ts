/**
 * Yielding to the event loop after long synchronous work.
 *
 * @module
 */

/** Resolves after other tasks of the event loop have run. */
export function turn(): Promise<void> {
  if (typeof globalThis.setImmediate === "function") {
    return new Promise((resolve) => void setImmediate(resolve));
  }
  // Browsers have no setImmediate, and delay nested setTimeout calls by at
  // least 4 ms.
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
