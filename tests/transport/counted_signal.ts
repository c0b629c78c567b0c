/**
 * A signal that counts its listeners.
 *
 * @module
 */

/** A signal that counts its listeners. */
export type CountedSignal = AbortSignal & { readonly listeners: number };

/** Returns a signal that is never aborted and counts its listeners. */
export function countedSignal(): CountedSignal {
  const { signal } = new AbortController();
  const { addEventListener, removeEventListener } = signal;
  const listeners = new Set<unknown>();
  return Object.defineProperties(signal, {
    addEventListener: {
      value(...parameters: Parameters<typeof addEventListener>) {
        listeners.add(parameters[1]);
        addEventListener.apply(signal, parameters);
      },
    },
    removeEventListener: {
      value(...parameters: Parameters<typeof removeEventListener>) {
        listeners.delete(parameters[1]);
        removeEventListener.apply(signal, parameters);
      },
    },
    listeners: { get: () => listeners.size },
  }) as CountedSignal; // defineProperties() keeps the type of its argument
}
