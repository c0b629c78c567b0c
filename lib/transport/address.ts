/**
 * Addresses: what a socket is bound or connected to, as an object and as a URL,
 * with one parser and one formatter between the two.
 *
 * | object | URL |
 * | --- | --- |
 * | `{ port: 7000 }` | `tcp://127.0.0.1:7000` |
 * | `{ hostname: "::1", port: 7000 }` | `tcp://[::1]:7000` |
 * | `{ hostname: "db.example", port: 7000, tls: {} }` | `tls://db.example:7000` |
 * | `{ path: "/run/db.sock" }` | `unix:/run/db.sock` |
 * | `{ path: "\0db" }` (abstract, Linux) | `unix:@db` |
 * | `{ path: "/run/db.sock", tls: {} }` | `tls+unix:/run/db.sock` |
 * | `{ memory: "db" }` | `memory:db` |
 *
 * @module
 */
import type { SocketAddress } from "./connection.ts";
import { TransportError } from "./errors.ts";

/** Where nothing else is said: a service opens itself to the network by saying so. */
export const DEFAULT_HOSTNAME = "127.0.0.1";

/**
 * A TCP endpoint, with TLS over it where `tls` is there.
 *
 * @typeParam Tls the TLS options that belong to the side in question
 */
export interface TcpAddress<Tls = Record<never, never>> {
  /**
   * Host name or IP address, IPv6 without brackets.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string;
  /** 1 to 65535; to listen, 0 is any free port. */
  readonly port: number;
  /** Speak TLS, with these options. */
  readonly tls?: Tls;
}

/**
 * A Unix socket, with TLS over it where `tls` is there.
 *
 * @typeParam Tls the TLS options that belong to the side in question
 */
export interface UnixAddress<Tls = Record<never, never>> {
  /** Path of the socket file; on Linux `"\0name"` is an abstract name without a file. */
  readonly path: string;
  /** Speak TLS, with these options. */
  readonly tls?: Tls;
}

/** A named listener inside this process. */
export interface MemoryAddress {
  /** The name. */
  readonly memory: string;
}

/**
 * Any address.
 *
 * @typeParam Tls the TLS options that belong to the side in question
 */
export type Address<Tls = Record<never, never>> =
  | TcpAddress<Tls>
  | UnixAddress<Tls>
  | MemoryAddress;

/**
 * Reads the URL form of an address.
 *
 * @example All forms
 * ```ts
 * import { parseAddress } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseAddress("tcp://[::1]:7000"), { hostname: "::1", port: 7000 });
 * assertEquals(parseAddress("tls://db.example:7000"), {
 *   hostname: "db.example",
 *   port: 7000,
 *   tls: {},
 * });
 * assertEquals(parseAddress("unix:/run/db.sock"), { path: "/run/db.sock" });
 * assertEquals(parseAddress("memory:db"), { memory: "db" });
 * ```
 *
 * @param text `tcp://host:port`, `tls://host:port`, `unix:path`,
 * `tls+unix:path` or `memory:name`, percent-encoded where a URL needs it
 * @returns the object form
 * @throws {TransportError} of kind `"address-invalid"`, which quotes what was wrong
 */
export function parseAddress(text: string | URL): Address {
  const url = String(text);
  const [, scheme = "", rest = ""] = /^([a-z+]+):(.*)$/is.exec(url) ?? [];
  switch (scheme.toLowerCase()) {
    case "tcp":
      return parseAuthority(url, rest);
    case "tls":
      return { ...parseAuthority(url, rest), tls: {} };
    case "unix":
      return checkAddress({ path: parsePath(url, rest) });
    case "tls+unix":
      return checkAddress({ path: parsePath(url, rest), tls: {} });
    case "memory":
      return checkAddress({ memory: decode(url, rest) });
    default:
      throw invalid(
        url,
        "its scheme must be one of 'tcp://', 'tls://', 'unix:', 'tls+unix:' and 'memory:'",
      );
  }
}

/**
 * Writes the URL form of an address, also of one that a socket reports.
 *
 * @example Where a listener ended up
 * ```ts
 * import { formatAddress, listen } from "@lengthwise/lengthwise/transport";
 * import { assertMatch } from "@std/assert";
 *
 * await using listener = await listen({ port: 0 });
 * assertMatch(formatAddress(listener.addr), /^tcp:\/\/127\.0\.0\.1:\d+$/);
 * ```
 *
 * @param address an address object, or `localAddr`, `remoteAddr`, `addr` of a socket
 * @returns the URL form; `unix:` for the unnamed end of a Unix socket
 */
export function formatAddress(
  address: Address<unknown> | SocketAddress,
): string {
  if ("memory" in address) return `memory:${encode(address.memory)}`;
  if ("transport" in address) return formatSocketAddress(address);
  const tls = address.tls !== undefined;
  return "path" in address
    ? formatPath(tls ? "tls+unix" : "unix", address.path)
    : formatAuthority(tls ? "tls" : "tcp", address);
}

function formatSocketAddress(address: SocketAddress): string {
  const { transport, name, path } = address;
  if (transport === "memory") return `memory:${encode(name ?? "")}`;
  return typeof path === "string" || transport === "unix"
    ? formatPath("unix", path ?? "")
    : formatAuthority(transport, address);
}

function formatPath(scheme: string, path: string): string {
  return path.startsWith("\0")
    ? `${scheme}:@${encode(path.slice(1))}`
    : `${scheme}:${encode(path).replace(/^@/, "%40")}`;
}

function formatAuthority(
  scheme: string,
  { hostname = DEFAULT_HOSTNAME, port = 0 }: {
    hostname?: string;
    port?: number;
  },
): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `${scheme}://${host}:${port}`;
}

/**
 * Brings every form of an address into the one that is dialled or bound.
 *
 * @param address an address object, its URL form, or what a socket reports
 * @param tls TLS options for an address that has none of its own
 * @throws {TransportError} of kind `"address-invalid"`
 */
export function resolveAddress<Tls>(
  address: Address<Tls> | SocketAddress | string | URL,
  tls: Tls | undefined,
): Address<Tls | Record<never, never>> {
  if (typeof address === "string" || address instanceof URL) {
    return withTls(parseAddress(address), tls);
  }
  const plain = "transport" in address ? fromSocket(address) : address;
  const checked: Address<Tls | Record<never, never>> = checkAddress(plain);
  return "tls" in checked ? checked : withTls(checked, tls);
}

function withTls<Tls>(
  address: Address<Tls | Record<never, never>>,
  tls: Tls | undefined,
): Address<Tls | Record<never, never>> {
  return tls === undefined || "memory" in address
    ? address
    : { ...address, tls };
}

function fromSocket(address: SocketAddress): Address {
  const { transport, hostname = DEFAULT_HOSTNAME, port, path, name } = address;
  if (transport === "memory" && name !== undefined) return { memory: name };
  if (transport === "unix" && typeof path === "string") return { path };
  if (transport === "tcp" && port !== undefined) return { hostname, port };
  throw invalid(
    formatAddress(address),
    "nothing can be dialled or bound by what this socket reports",
  );
}

/**
 * Checks an address object before anything is opened.
 *
 * @param address the object
 * @returns the same object
 * @throws {TransportError} of kind `"address-invalid"`
 */
export function checkAddress<A extends Address<unknown>>(address: A): A {
  if ("memory" in address) {
    if (typeof address.memory === "string" && address.memory !== "") {
      return address;
    }
    throw invalid(quote(address.memory), "a memory listener needs a name");
  }
  if ("path" in address) {
    // The kernel ends a path at NUL; a first NUL means an abstract name.
    if (/^\0?[^\0]+$/.test(String(address.path))) return address;
    throw invalid(
      quote(address.path),
      "a Unix socket needs a path without NUL, or NUL and a name",
    );
  }
  const { hostname = DEFAULT_HOSTNAME, port } = address;
  if (typeof hostname !== "string" || !/^[^\s/?#@[\]\\]+$/.test(hostname)) {
    throw invalid(
      quote(hostname),
      "'hostname' must be a host name or an IP address (IPv6 without brackets)",
    );
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw invalid(
      quote(port),
      "'port' must be an integer from 0 to 65535",
    );
  }
  return address;
}

function parseAuthority(url: string, rest: string): TcpAddress {
  const parts = /^\/\/(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})\/?$/.exec(rest);
  if (parts === null) {
    throw invalid(url, "it must be 'host:port' behind '//', and nothing more");
  }
  const [, ipv6, name, port] = parts;
  return checkAddress({ hostname: ipv6 ?? name ?? "", port: Number(port) });
}

function parsePath(url: string, rest: string): string {
  // `unix:///run/x` is the same file as `unix:/run/x`.
  const path = rest.replace(/^\/\/(?=\/)/, "");
  return path.startsWith("@")
    ? `\0${decode(url, path.slice(1))}`
    : decode(url, path);
}

function decode(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw invalid(url, "its percent-encoding must be UTF-8", cause);
  }
}

function encode(text: string): string {
  // Half of a character pair has no UTF-8.
  return encodeURIComponent(text.toWellFormed()).replaceAll("%2F", "/")
    .replaceAll("%40", "@")
    .replaceAll("%3A", ":");
}

function quote(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

function invalid(
  address: string,
  rule: string,
  cause?: unknown,
): TransportError {
  return new TransportError(
    `Cannot use ${address} as an address: ${rule}`,
    { kind: "address-invalid", address, cause },
  );
}
