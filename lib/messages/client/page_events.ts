/**
 * Events of browsers after which a server may be reachable again.
 *
 * @module
 */

/** Globals of browsers that other runtimes lack. */
interface PageGlobals {
  readonly document?: EventTarget & { readonly visibilityState: string };
  addEventListener?(type: "online", listener: () => void): void;
  removeEventListener?(type: "online", listener: () => void): void;
}

/**
 * Calls back when the network is back or the page becomes visible.
 *
 * Browsers delay the timers of hidden pages by up to a minute, so a pause may
 * have been over for a while when the page becomes visible.
 *
 * @param callback called at each event, as long as it listens
 * @returns a function that stops listening
 */
export function onReachable(callback: () => void): () => void {
  const globals: PageGlobals = globalThis;
  const { document } = globals;
  const onVisibility = () => {
    if (document?.visibilityState === "visible") callback();
  };
  globals.addEventListener?.("online", callback);
  document?.addEventListener("visibilitychange", onVisibility);
  return () => {
    globals.removeEventListener?.("online", callback);
    document?.removeEventListener("visibilitychange", onVisibility);
  };
}
