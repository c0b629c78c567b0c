/**
 * Yielding to the event loop after long synchronous work.
 *
 * @module
 */

/**
 * Number of busy iterations that include a poll of sockets. While immediates
 * keep Deno's event loop busy, its scheduler looks for ready sockets only once in
 * 61 iterations (`event_interval` of its Tokio runtime), and delivers what it
 * found in the next ones. 64 empty iterations take about 0.05 ms. A timer would
 * poll sockets at once, but only after 1 ms of idling.
 */
const POLLED_AFTER = 64;

// Polling takes real time where time is simulated, too.
const setTimeout = globalThis.setTimeout;

/** Calls a function after a pause, in which sockets are polled. */
export function afterPause(callback: () => void): void {
  setTimeout(callback, 0);
}

/** Calls a function after other tasks of the event loop have run. */
export function afterIteration(callback: () => void): void {
  if (typeof globalThis.setImmediate === "function") {
    setImmediate(callback);
    return;
  }
  // Browsers have no setImmediate, and delay nested setTimeout calls by at
  // least 4 ms.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    port2.close();
    callback();
  };
  port2.postMessage(undefined);
}

/**
 * Returns the number of iterations that include a poll of sockets. After so many
 * calls to {@linkcode afterIteration}, one after another, the bytes that sockets
 * had received before have been delivered.
 */
export function iterationsToPoll(): number {
  // In browsers, the event loop does not poll sockets itself.
  return typeof globalThis.setImmediate === "function" ? POLLED_AFTER : 1;
}
