/**
 * Looking up the addresses of a name again and again.
 *
 * @module
 */
import type { TcpAddress } from "../address.ts";
import { failure } from "../error_mapping.ts";
import { TransportError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { TlsClientOptions } from "../tls/tls_connection.ts";

/** Options for {@linkcode dns}. */
export interface DnsOptions {
  /** Port of the servers. */
  port: number;
  /**
   * Milliseconds between two look-ups, at least 100.
   *
   * Times to live are not considered: the operating system looks names up, in its
   * hosts file too, and does not report them.
   *
   * @default {30000}
   */
  refresh?: number | undefined;
  /**
   * Kind of the addresses: 4 or 6; 0 for both.
   *
   * @default {0}
   */
  family?: 0 | 4 | 6 | undefined;
  /** TLS options; their `serverName` is the name by default. */
  tls?: TlsClientOptions | undefined;
  /** Looks a name up, for tests and other name services. */
  lookup?: ((name: string) => Promise<readonly string[]>) | undefined;
}

const OPTIONS: OptionNames<DnsOptions> = {
  port: true,
  refresh: true,
  family: true,
  tls: true,
  lookup: true,
};

/** Longest delay of a timer, in ms. */
const MAX_DELAY = 2 ** 31 - 1;

/**
 * Returns the addresses of a name, as a source for `createClient()`.
 *
 * A list is reported only if it differs from the last one. A look-up that fails,
 * or that finds nothing, after one has succeeded keeps the last list.
 *
 * Requires `--allow-net=name` for the look-up, and `--allow-net=address:port` for
 * each address: if you don't know the addresses, `--allow-net`.
 *
 * @param name a host name
 * @param options the port, and how often the name is looked up
 * @returns a function that looks the name up until its signal is aborted; its
 * lists throw a `TransportError` if the first look-up fails, or finds nothing
 * (`"not-found"`)
 * @throws {TypeError} if an option is unknown, or the name is empty
 * @throws {RangeError} if an option is out of range
 *
 * @example The servers of a headless service in Kubernetes, over TLS
 * ```ts
 * import { createClient, protocol, unary } from "@lengthwise/lengthwise";
 * import { dns } from "@lengthwise/lengthwise/dns";
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 * const servers = dns("shop.default.svc.cluster.local", {
 *   port: 7000,
 *   refresh: 10_000,
 *   tls: {},
 *   lookup: () => Promise.resolve([]), // omit it
 * });
 * await using client = createClient(Shop, servers, { connections: 3 });
 * ```
 */
export function dns(
  name: string,
  options: DnsOptions,
): (signal: AbortSignal) => AsyncIterable<TcpAddress<TlsClientOptions>[]> {
  checkOptions("dns()", options, OPTIONS);
  const { port, refresh = 30_000, family = 0, tls } = options;
  const { lookup = (name) => systemLookup(name, family) } = options;
  if (typeof name !== "string" || name === "") {
    throw new TypeError("Cannot look up an empty name: pass a host name");
  }
  checkRange("port", port, 1, 65_535);
  checkRange("refresh", refresh, 100, MAX_DELAY);
  if (![0, 4, 6].includes(family)) {
    throw new RangeError(
      `Cannot look up ${name} as 'family' must be 0, 4 or 6: current value is ${family}`,
    );
  }
  const addressOf = (hostname: string): TcpAddress<TlsClientOptions> => ({
    hostname,
    port,
    ...tls && { tls: { serverName: name, ...tls } },
  });
  return async function* (signal) {
    let last = "";
    while (!signal.aborted) {
      const found = await hostsOf(name, lookup, last === "");
      const text = found.toSorted().join(" ");
      if (text !== "" && text !== last) {
        last = text;
        yield found.map(addressOf);
      }
      await untilNext(refresh, signal);
    }
  };
}

/** @throws {TransportError} if it is the first look-up, and fails or finds nothing */
async function hostsOf(
  name: string,
  lookup: (name: string) => Promise<readonly string[]>,
  first: boolean,
): Promise<string[]> {
  try {
    const found = [...new Set(await lookup(name))];
    if (found.length > 0 || !first) return found;
    throw new TransportError(`Cannot look up ${name}: it has no addresses`, {
      code: "not-found",
      address: name,
    });
  } catch (error) {
    if (!first) return [];
    throw failure(error, { verb: "look up", address: name });
  }
}

async function systemLookup(
  name: string,
  family: 0 | 4 | 6,
): Promise<string[]> {
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(name, { all: true, family });
  return found.map(({ address }) => address);
}

function checkRange(
  option: string,
  value: number,
  least: number,
  most: number,
): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot look up a name as '${option}' must be an integer from ${least} to ${most}: current value is ${value}`,
  );
}

/** Waits for the next look-up, or the signal; does not keep the process alive. */
async function untilNext(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const timer = setTimeout(end, ms);
  if (typeof timer === "object") timer.unref();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
}
