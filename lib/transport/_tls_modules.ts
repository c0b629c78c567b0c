/**
 * What TLS needs of `node:`, loaded when it is needed, once.
 *
 * @module
 */

/** Modules, and what is used of them. */
export interface NodeModules {
  /** All of `node:tls`. */
  readonly tls: typeof import("node:tls");
  /** The class of `node:stream`. */
  readonly Duplex: typeof import("node:stream").Duplex;
  /** Of `node:timers`: calls after one turn of the event loop. */
  readonly setImmediate: (callback: () => void) => unknown;
  /** Of `node:net`: 4 or 6 for an IP address, 0 for anything else. */
  readonly isIP: (name: string) => number;
  /** Of `node:crypto`. */
  readonly X509Certificate: typeof import("node:crypto").X509Certificate;
  /** Of `node:crypto`. */
  readonly createPrivateKey: typeof import("node:crypto").createPrivateKey;
}

let modules: Promise<NodeModules> | undefined;

/**
 * Loads them. While Deno evaluates a module of `node:` it lets promises go on,
 * and a second import out of one of those settles at once, with functions that
 * are not there yet. So the promise of all is kept before the first import
 * begins.
 */
export function nodeModules(): Promise<NodeModules> {
  return modules ??= Promise.resolve().then(load);
}

async function load(): Promise<NodeModules> {
  const [tls, { Duplex }, { setImmediate }, { isIP }, crypto] = await Promise
    .all([
      import("node:tls"),
      import("node:stream"),
      import("node:timers"),
      import("node:net"),
      import("node:crypto"),
    ]);
  const { X509Certificate, createPrivateKey } = crypto;
  return { tls, Duplex, setImmediate, isIP, X509Certificate, createPrivateKey };
}
