/**
 * The `node:` modules that TLS needs, loaded once and on demand.
 *
 * @module
 */
import type { FailureContext } from "../error_mapping.ts";
import { TransportError } from "../errors.ts";

/** The modules and exports that TLS uses. */
export interface NodeTls {
  /** The module `node:tls`. */
  readonly tls: typeof import("node:tls");
  /** From `node:stream`. */
  readonly Duplex: typeof import("node:stream").Duplex;
  /** From `node:timers`: calls back after one turn of the event loop. */
  readonly setImmediate: (callback: () => void) => unknown;
  /** From `node:net`: returns 4 or 6 for an IP address, 0 for anything else. */
  readonly isIP: (name: string) => number;
  /** From `node:crypto`. */
  readonly X509Certificate: typeof import("node:crypto").X509Certificate;
  /** From `node:crypto`. */
  readonly createPrivateKey: typeof import("node:crypto").createPrivateKey;
}

/**
 * Throws in Bun, where TLS is not supported.
 *
 * Over a stream of this library, Bun's `node:tls` accepts data without limit
 * while the peer reads nothing (Bun 1.4).
 *
 * @param context the attempted operation
 * @throws {TransportError} with code `"unsupported"` in Bun
 */
export function requireTls({ verb, address }: FailureContext): void {
  if (!("Bun" in globalThis)) return;
  throw new TransportError(
    `Cannot ${verb} ${address}: TLS is not supported in Bun; run a proxy that terminates TLS, or connect to a wss: URL`,
    { code: "unsupported", address },
  );
}

let modules: Promise<NodeTls> | undefined;

/**
 * Loads the modules on the first call.
 *
 * The promise is stored before the first import starts, because Deno runs other
 * promise callbacks while it evaluates a `node:` module. A second import from
 * such a callback would resolve immediately, to a module whose functions are not
 * yet defined.
 */
export function nodeTls(): Promise<NodeTls> {
  return modules ??= Promise.resolve().then(load);
}

async function load(): Promise<NodeTls> {
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
