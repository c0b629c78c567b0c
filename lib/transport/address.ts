/**
 * Addresses as objects and as URLs, with a parser and a formatter.
 *
 * | object | URL |
 * | --- | --- |
 * | `{ port: 7000 }` | `tcp://127.0.0.1:7000` |
 * | `{ hostname: "::1", port: 7000 }` | `tcp://[::1]:7000` |
 * | `{ hostname: "fe80::1%eth0", port: 7000 }` | `tcp://[fe80::1%25eth0]:7000` |
 * | `{ hostname: "db.example", port: 7000, tls: {} }` | `tls://db.example:7000` |
 * | `{ path: "/run/db.sock" }` | `unix:/run/db.sock` |
 * | `{ path: "\0db" }` (abstract, Linux) | `unix:@db` |
 * | `{ path: "/run/db.sock", tls: {} }` | `tls+unix:/run/db.sock` |
 * | `{ memory: "db" }` | `memory:db` |
 *
 * @module
 */
import { withInherited } from "../support/check_options.ts";
import type { SocketAddress } from "./connection.ts";
import { TransportError } from "./errors.ts";

/** Default host name, which does not expose services to the network. */
export const DEFAULT_HOSTNAME = "127.0.0.1";

/**
 * A TCP endpoint, with TLS if `tls` is present.
 *
 * @typeParam Tls the TLS options for a client or a server
 *
 * @category Addresses
 */
export interface TcpAddress<Tls = Record<never, never>> {
  /**
   * Host name or IP address, IPv6 without brackets.
   *
   * An IPv6 address may have a zone, as in `"fe80::1%eth0"`.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string | undefined;
  /** Port, from 1 to 65535; when listening, 0 means any free port. */
  readonly port: number;
  /** TLS options; if present, the connection uses TLS. */
  readonly tls?: Tls | undefined;
}

/**
 * A Unix socket, with TLS if `tls` is present.
 *
 * @typeParam Tls the TLS options for a client or a server
 *
 * @category Addresses
 */
export interface UnixAddress<Tls = Record<never, never>> {
  /** Path of the socket file; on Linux, `"\0name"` is an abstract name without a file. */
  readonly path: string;
  /** TLS options; if present, the connection uses TLS. */
  readonly tls?: Tls | undefined;
}

/**
 * A named listener in this process.
 *
 * @category Addresses
 */
export interface MemoryAddress {
  /** Name of the listener. */
  readonly memory: string;
}

/**
 * Any address.
 *
 * @typeParam Tls the TLS options for a client or a server
 *
 * @category Addresses
 */
export type Address<Tls = Record<never, never>> =
  | TcpAddress<Tls>
  | UnixAddress<Tls>
  | MemoryAddress;

/**
 * Parses the URL form of an address.
 *
 * @example Parse every form
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
 * `tls+unix:path` or `memory:name`, percent-encoded where URLs require it
 * @returns the object form
 * @throws {TransportError} with code `"address-invalid"` if `text` is not an address
 *
 * @category Addresses
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
        `the scheme must be one of 'tcp://', 'tls://', 'unix:', 'tls+unix:' and 'memory:'${
          suggestion(url)
        }`,
      );
  }
}

/** Suggests another address, or says how WebSockets are opened. */
function suggestion(text: string): string {
  if (/^(http|ws)s?:/i.test(text)) {
    return "; clients connect to WebSockets by 'ws://' or 'wss://', and servers accept() those of upgradeWebSocket()";
  }
  if (/^[^/]+:\d+$/.test(text)) return `; did you mean 'tcp://${text}'?`;
  if (/^\d+$/.test(text)) return `; did you mean { port: ${text} }?`;
  return /^\.{0,2}\//.test(text) ? `; did you mean 'unix:${text}'?` : "";
}

/**
 * Returns the URL form of an address or of a socket's address.
 *
 * @example Print the address of a listener
 * ```ts
 * import { formatAddress, listen } from "@lengthwise/lengthwise/transport";
 * import { assertMatch } from "@std/assert";
 *
 * await using listener = await listen({ port: 0 });
 * assertMatch(formatAddress(listener.addr), /^tcp:\/\/127\.0\.0\.1:\d+$/);
 * ```
 *
 * @param address an address object, or a socket's `localAddr`, `remoteAddr` or `addr`
 * @returns the URL form; `unix:` for the unnamed end of a Unix socket
 *
 * @category Addresses
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
  if (NAMED.includes(transport)) return `${transport}:${encode(name ?? "")}`;
  if (transport === "tls+unix") return formatPath(transport, path ?? "");
  if (WITHOUT_ADDRESS.includes(transport)) return transport;
  return typeof path === "string" || transport === "unix"
    ? formatPath("unix", path ?? "")
    : formatAuthority(transport, address);
}

/** Transports whose ends have a name. */
const NAMED: readonly string[] = ["memory", "nats"];

/** Transports whose ends have no address. */
const WITHOUT_ADDRESS: readonly string[] = [
  "child-process",
  "message-port",
  "stdio",
  "streams",
];

function formatPath(scheme: string, path: string): string {
  return path.startsWith("\0")
    ? `${scheme}:@${encode(path.slice(1))}`
    : `${scheme}:${encode(path).replace(/^@/, "%40")}`;
}

function formatAuthority(
  scheme: string,
  { hostname = DEFAULT_HOSTNAME, port = 0 }: {
    hostname?: string | undefined;
    port?: number | undefined;
  },
): string {
  const host = hostname.includes(":") ? formatIpv6(hostname) : hostname;
  return `${scheme}://${host}:${port}`;
}

/** Formats an IPv6 address with its zone (RFC 6874, 2). */
function formatIpv6(hostname: string): string {
  const at = hostname.indexOf("%");
  if (at < 0) return `[${hostname}]`;
  return `[${hostname.slice(0, at)}%25${encodeZone(hostname.slice(at + 1))}]`;
}

/** Percent-encodes all but the unreserved characters (RFC 3986, 2.3). */
function encodeZone(zone: string): string {
  return encodeURIComponent(zone.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Normalizes any form of an address to an address object.
 *
 * @param address an address object, its URL form, or a socket's address
 * @param tls TLS options for an address without its own `tls`
 * @throws {TransportError} with code `"address-invalid"`
 * @throws {TypeError} if the address is neither an object nor a URL, has members
 * that do not fit together, or cannot have TLS
 */
export function resolveAddress<Tls>(
  address:
    | Address<Tls>
    | SocketAddress & { readonly tls?: Tls | undefined }
    | string
    | URL,
  tls: Tls | undefined,
): Address<Tls | Record<never, never>> {
  if (typeof address === "string" || address instanceof URL) {
    return withTls(parseAddress(address), tls);
  }
  if (typeof address !== "object" || address === null) {
    throw new TypeError(
      `Cannot use ${
        quote(address)
      } as an address: expected an object such as { port: 7000 }, or a URL such as "tcp://127.0.0.1:7000"`,
    );
  }
  checkAddressMembers(address);
  const own = "tls" in address ? address.tls : undefined;
  const plain = "transport" in address
    ? fromSocket(address)
    : withInherited(address);
  return withTls(checkAddress(plain), own === undefined ? tls : own);
}

/**
 * Checks that TLS options are not given twice.
 *
 * The option is the default for addresses without TLS options of their own. If
 * each address has its own, it would be ignored.
 *
 * @param where the function that takes the options
 * @throws {TypeError} if each of the addresses has its own
 */
export function checkTlsOption(
  where: string,
  addresses: readonly unknown[],
  tls: unknown,
): void {
  if (tls === undefined || !addresses.every(hasOwnTls)) return;
  throw new TypeError(
    `Cannot use the option "tls" of ${where} with an address that has its own 'tls': omit one of them`,
  );
}

/** Returns whether an address has TLS options of its own. */
export function hasOwnTls(address: unknown): boolean {
  return typeof address === "object" && address !== null &&
    "tls" in address && address.tls !== undefined;
}

function withTls<Tls>(
  address: Address<Tls | Record<never, never>>,
  tls: Tls | Record<never, never> | undefined,
): Address<Tls | Record<never, never>> {
  if (tls === undefined) return address;
  if (typeof tls !== "object" || tls === null) {
    throw new TypeError(
      `Cannot use ${
        quote(tls)
      } as 'tls': expected an object such as { caCerts: [pem] }, or {} for the defaults`,
    );
  }
  if ("memory" in address) {
    throw new TypeError(
      `Cannot use TLS with ${
        formatAddress(address)
      }: a memory address stays in this process; omit 'tls'`,
    );
  }
  return { ...address, tls };
}

/**
 * Checks that a WebSocket URL is secure if TLS is given.
 *
 * @throws {TypeError} if it is not
 */
export function checkWebSocketTls(url: string, tls: unknown): void {
  if (tls === undefined || /^wss:/i.test(url)) return;
  throw new TypeError(
    `Cannot use TLS with ${url}: its scheme is not 'wss:'; use 'wss:', or omit 'tls'`,
  );
}

/** Members of an address object, by the member that names its kind. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  memory: ["tls"],
  path: ["tls"],
  port: ["hostname", "tls"],
};

/** Members of a socket's address, by its transport. */
const SOCKET_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  tcp: ["hostname", "port", "tls"],
  tls: ["hostname", "port", "tls"],
  unix: ["path", "tls"],
  "tls+unix": ["path", "tls"],
  memory: ["name", "tls"],
};

/** @throws {TypeError} if the address has members that do not fit together */
function checkAddressMembers(address: object): void {
  const socket = "transport" in address;
  const kind = socket
    ? String(address.transport)
    : ["memory", "path"].find((name) => name in address) ?? "port";
  const members = (socket ? SOCKET_MEMBERS : MEMBERS)[kind];
  if (members === undefined) return; // no socket can be bound or connected to it
  const first = socket ? "transport" : kind;
  const known = [first, ...members];
  for (const [name, value] of Object.entries(withInherited(address))) {
    if (value === undefined || known.includes(name)) continue;
    // A class of addresses may have methods.
    if (typeof value === "function" && !Object.hasOwn(address, name)) continue;
    throw new TypeError(
      `Cannot use an address with '${first}' and '${name}': expected ${
        known.map((name) => `'${name}'`).join(", ")
      }`,
    );
  }
}

function fromSocket(
  address: SocketAddress & { readonly tls?: unknown },
): Address {
  const { transport, hostname = DEFAULT_HOSTNAME, port, path, name } = address;
  if (transport === "memory" && name !== undefined) return { memory: name };
  if (typeof path === "string") {
    if (transport === "unix") return { path };
    if (transport === "tls+unix") return { path, tls: {} };
  }
  if (port !== undefined) {
    if (transport === "tcp") return { hostname, port };
    if (transport === "tls") return { hostname, port, tls: {} };
  }
  throw invalid(
    formatAddress(address),
    "a socket with this address cannot be connected to or bound",
  );
}

/**
 * Checks an address object.
 *
 * @param address the object
 * @returns the same object
 * @throws {TransportError} with code `"address-invalid"`
 */
export function checkAddress<A extends Address<unknown>>(address: A): A {
  if ("memory" in address) {
    if (typeof address.memory === "string" && address.memory !== "") {
      return address;
    }
    throw invalid(
      quote(address.memory),
      "the name of a memory listener must be a non-empty string",
    );
  }
  if ("path" in address) {
    // The kernel ends a path at NUL; a leading NUL marks an abstract name.
    if (/^\0?[^\0]+$/.test(String(address.path))) return address;
    throw invalid(
      quote(address.path),
      "the path of a Unix socket must not contain NUL, except before an abstract name",
    );
  }
  const { hostname = DEFAULT_HOSTNAME, port } = address;
  if (typeof hostname !== "string" || !/^[^\s/?#@[\]\\]+$/.test(hostname)) {
    throw invalid(
      quote(hostname),
      "'hostname' must be a host name or an IP address (IPv6 without brackets)",
    );
  }
  if (!/^(?:[^%]*|[^%]*:[^%]*%.+)$/.test(hostname)) {
    throw invalid(
      quote(hostname),
      "only an IPv6 address has a zone, as in 'fe80::1%eth0'",
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
    throw invalid(
      url,
      "the scheme must be followed by '//host:port' and nothing else",
    );
  }
  const [, ipv6, name = "", port] = parts;
  const hostname = ipv6 === undefined ? name : parseIpv6(url, ipv6);
  return checkAddress({ hostname, port: Number(port) });
}

/** Parses an IPv6 address with its zone (RFC 6874, 2). */
function parseIpv6(url: string, text: string): string {
  const at = text.indexOf("%");
  if (at < 0) return text;
  const zone = text.slice(at + 3);
  if (
    !text.startsWith("%25", at) || !/^(?:[\w.~-]|%[\da-f]{2})+$/i.test(zone)
  ) {
    throw invalid(
      url,
      "the zone of an IPv6 address must follow '%25', as in '[fe80::1%25eth0]'",
    );
  }
  return `${text.slice(0, at)}%${decode(url, zone)}`;
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
    throw invalid(url, "the percent-encoding must be valid UTF-8", cause);
  }
}

function encode(text: string): string {
  // A lone surrogate has no UTF-8 encoding.
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
    { code: "address-invalid", address, cause },
  );
}
