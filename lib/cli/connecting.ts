/**
 * Connects to a server, and says which step failed.
 *
 * @module
 */
import { messageOf } from "../support/message_of.ts";
import { parseAddress } from "../transport/address.ts";
import { TransportError } from "../transport/errors.ts";
import type { TlsClientOptions } from "../transport/tls/tls_connection.ts";
import { hintOf } from "../framing/protocol_hints.ts";
import { bytes } from "../messages/codec/bytes.ts";
import { json } from "../messages/codec/json.ts";
import type { MessageCodec } from "../messages/codec/message_codec.ts";
import { msgpack } from "../messages/codec/msgpack.ts";
import { type ClientOptions, connect } from "../messages/client/connect.ts";
import type { ClientSession } from "../messages/client/client_session.ts";
import { SessionError } from "../messages/errors/call_error.ts";
import type { AnyProtocol } from "../messages/protocol/protocol_types.ts";
import { CliError, usage } from "./errors.ts";
import { type CONNECT_FLAGS, type FlagValues, parseChoice } from "./flags.ts";
import { type FirstBytes, withFirstBytes } from "./first_bytes.ts";
import type { Io } from "./io.ts";
import { parseDuration } from "./quantities.ts";
import { readCredentials, readFileText } from "./secrets.ts";

/** A server, and how to connect to it. */
export interface Target {
  /** The address. */
  readonly url: string;
  /** TLS options, if the address uses TLS. */
  readonly tls: TlsClientOptions | undefined;
  /** Credentials for the server; `undefined` for none. */
  readonly credentials: unknown;
  /** Name of the codecs to offer. */
  readonly codec: keyof typeof CODECS;
  /** Longest time to connect, in ms. */
  readonly timeout: number;
}

const CODECS = {
  msgpack: () => [msgpack()],
  json: () => [json()],
  bytes: () => [bytes()],
  any: () => [msgpack(), json()],
} as const satisfies Record<
  string,
  () => readonly [MessageCodec, ...MessageCodec[]]
>;

/**
 * Returns a server from an address and flags; reads their files.
 *
 * @throws {CliError} with the code `usage` if an argument is not valid
 */
export async function readTarget(
  url: string,
  flags: FlagValues<typeof CONNECT_FLAGS>,
  io: Io,
): Promise<Target> {
  const codec = parseChoice("codec", flags.codec ?? "any", [
    "any",
    "msgpack",
    "json",
    "bytes",
  ]);
  checkUrl(url);
  return {
    url,
    tls: await tlsOf(url, flags, io),
    credentials: flags.credentials === undefined
      ? undefined
      : await readCredentials(flags.credentials, io),
    codec,
    timeout: parseDuration(
      "connect-timeout",
      flags["connect-timeout"] ?? "5s",
    ),
  };
}

/**
 * Checks the form of an address.
 *
 * @throws {CliError} if the text is not an address
 */
export function checkUrl(url: string): void {
  if (/^wss?:\/\//i.test(url) && URL.canParse(url)) return;
  try {
    parseAddress(url);
  } catch (error) {
    throw usage(
      messageOf(error),
      "addresses are tcp://host:port, tls://host:port, unix:/path, ws://host/path and wss://host/path",
    );
  }
}

/** Returns whether an address uses TLS. */
function usesTls(url: string): boolean {
  return /^(tls|tls\+unix|wss):/i.test(url);
}

async function tlsOf(
  url: string,
  flags: FlagValues<typeof CONNECT_FLAGS>,
  io: Io,
): Promise<TlsClientOptions | undefined> {
  const { "tls-ca": ca, "tls-cert": cert, "tls-key": key } = flags;
  const serverName = flags["server-name"];
  const given = Object.entries({ ca, cert, key, serverName })
    .filter(([, value]) => value !== undefined);
  if (given.length === 0) return undefined;
  if (!usesTls(url)) {
    throw usage(
      `Cannot use TLS flags with ${url}, which does not use TLS`,
      "write the address as tls://host:port",
    );
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw usage("--tls-cert and --tls-key belong together; one is missing");
  }
  return {
    serverName,
    ...(ca !== undefined && { caCerts: [await readFileText(ca, io)] }),
    ...(cert !== undefined && { cert: await readFileText(cert, io) }),
    ...(key !== undefined && { key: await readFileText(key, io) }),
  };
}

/**
 * Opens a connection.
 *
 * @throws {CliError} with the code `unreached` if this fails
 */
export async function openConnection(
  { url, tls, timeout }: Pick<Target, "url" | "tls" | "timeout">,
  io: Io,
): Promise<FirstBytes> {
  try {
    return withFirstBytes(
      await io.connect(url, {
        timeout,
        signal: io.interrupted,
        ...(tls && { tls }),
      }),
    );
  } catch (error) {
    throw error instanceof TransportError ? unreached(url, error) : error;
  }
}

/** The step of connecting that failed. */
export type Step = "DNS" | "TCP" | "TLS" | "WebSocket" | "HELLO" | "auth";

const ADVICE: Readonly<Record<Step, string>> = {
  DNS: "the host name does not resolve; check its spelling",
  TCP:
    "check the address, that the server runs, and that no firewall is between",
  TLS:
    "trust a private authority with --tls-ca ca.pem; check the name with --server-name",
  WebSocket: "check the path of the URL and the credentials of the upgrade",
  HELLO: "check that this is the address of a Lengthwise server",
  auth: "pass credentials with --credentials @file, env:NAME or -",
};

/** Converts an error of the transport. */
function unreached(url: string, error: TransportError): CliError {
  const step = stepOf(url, error);
  return failedAt(step, url, error.message, ADVICE[step], error);
}

function stepOf(url: string, { code }: TransportError): Step {
  if (code === "not-found" && !/^(tls\+)?unix:/i.test(url)) return "DNS";
  if (code === "tls") return "TLS";
  if (/^wss?:/i.test(url)) return "WebSocket";
  const answered = code === "truncated" || code === "protocol" ||
    code === "reset";
  return usesTls(url) && answered ? "TLS" : "TCP";
}

function failedAt(
  step: Step,
  url: string,
  message: string,
  hint: string,
  cause: Error,
): CliError {
  return new CliError(`${url}, step ${step}: ${message}`, {
    code: "unreached",
    hint,
    cause,
  });
}

/**
 * Opens a session.
 *
 * @throws {CliError} with the code `unreached` if this fails
 */
export async function openSession<P extends AnyProtocol>(
  protocol: P,
  target: Target,
  io: Io,
  handlers: object = {},
): Promise<ClientSession<P>> {
  const connection = await openConnection(target, io);
  const { codec, credentials, timeout } = target;
  const given: ClientOptions & { handlers: object } = {
    handlers,
    codecs: CODECS[codec](),
    credentials,
    limits: { handshakeTimeout: Math.max(100, Math.ceil(timeout)) },
    // The command reports its failures itself.
    onError: () => {},
    recorder: { onViolation: () => {} },
  };
  // `connect()` takes handlers only if the type of the protocol has a client side.
  const options: ClientOptions = given;
  try {
    const session = await connect<AnyProtocol>(protocol, connection, options);
    return session as ClientSession<P>; // the session of `protocol`
  } catch (error) {
    throw error instanceof SessionError
      ? refused(target.url, error, connection)
      : error;
  }
}

/** Converts the error of a handshake. */
function refused(
  url: string,
  error: SessionError,
  { head }: FirstBytes,
): CliError {
  const step = error.code === "unauthenticated" ? "auth" : "HELLO";
  return failedAt(
    step,
    url,
    error.message,
    step === "auth" ? ADVICE.auth : helloAdvice(url, error, head),
    error,
  );
}

function helloAdvice(
  url: string,
  { code, retryAfter }: SessionError,
  head: Uint8Array,
): string {
  const seen = hintOf(head);
  if (seen?.includes("TLS")) {
    return `${seen}: the server expects TLS; write the address as tls://…`;
  }
  if (seen !== undefined) return `${seen}: this is another kind of server`;
  if (head.length === 0 && (code === "disconnected" || code === "timeout")) {
    return usesTls(url)
      ? "the server sent nothing; it may be another kind of server"
      : "the server sent nothing; it may expect TLS (tls://…) or be another kind of server";
  }
  switch (code) {
    case "codec":
      return "the server supports another codec; try --codec json";
    case "refused-busy":
    case "drain":
    case "age":
      return retryAfter > 0
        ? `the server takes no clients now; try again after ${retryAfter} ms`
        : "the server takes no clients now; try again later";
    case "version":
      return "the server supports another version of the protocol";
    default:
      return ADVICE.HELLO;
  }
}

/** Returns a connection's address and codec for `--verbose`. */
export function describeTarget({ url, codec }: Target): string {
  return `connecting to ${url}, codecs ${
    CODECS[codec]().map(({ name }) => name).join(", ")
  }`;
}
