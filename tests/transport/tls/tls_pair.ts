/**
 * TLS pairs on loopback, and misbehaving peers.
 *
 * @module
 */
import type { Connection } from "../../../lib/transport/connection.ts";
import { TransportError } from "../../../lib/transport/errors.ts";
import { connectTls } from "../../../lib/transport/tls/connect_tls.ts";
import { listenTls } from "../../../lib/transport/tls/listen_tls.ts";
import type {
  TlsClientOptions,
  TlsConnection,
} from "../../../lib/transport/tls/tls_connection.ts";
import type {
  TlsListener,
  TlsServerOptions,
} from "../../../lib/transport/tls/tls_listener.ts";
import { assertRejects } from "@std/assert";
import { authority, server } from "./certificates.ts";

/** Listens on a free port of loopback. */
export async function listenLoopback(
  tls: Partial<TlsServerOptions> = {},
): Promise<TlsListener> {
  return await listenTls({ port: 0, tls: { ...server, ...tls } });
}

/** Connects to a listener and trusts the test authority. */
export async function dial(
  listener: { addr: { port?: number } },
  tls: TlsClientOptions & { signal?: AbortSignal } = {},
): Promise<TlsConnection> {
  const { signal, ...options } = tls;
  return await connectTls(
    {
      port: listener.addr.port ?? 0,
      tls: { caCerts: [authority.cert], ...options },
    },
    signal ? { signal } : {},
  );
}

/** Returns both ends of a connection to a listener. */
export async function pair(
  listener: TlsListener,
  tls: TlsClientOptions = {},
): Promise<[client: TlsConnection, server: TlsConnection]> {
  const [accepted, client] = await Promise.all([
    listener.accept(),
    dial(listener, tls),
  ]);
  return [client, accepted];
}

/** Asserts that a listener still serves, by sending a byte back and forth. */
export async function assertServes(
  listener: TlsListener,
  tls: TlsClientOptions = {},
): Promise<void> {
  const [client, accepted] = await pair(listener, tls);
  using _client = client;
  using _accepted = accepted;
  await accepted.write(new Uint8Array([7]));
  const buffer = new Uint8Array(8);
  if (await client.read(buffer) !== 1 || buffer[0] !== 7) {
    throw new Error("the listener does not serve");
  }
}

/** Asserts that a promise rejects with a TransportError with a code. */
export async function assertCode(
  promise: Promise<unknown>,
  code: string,
  text: string,
): Promise<TransportError> {
  const error = await assertRejects(() => promise, TransportError, text);
  if (error.code === code) return error;
  throw new Error(`expected code '${code}', got '${error.code}': ${error}`);
}

/** Reads until the end of the stream. */
export async function readAll(connection: Connection): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const buffer = new Uint8Array(16_384);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) break;
    chunks.push(buffer.slice(0, count));
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** A relay that forwards bytes and can cut the connection. */
export class Relay implements Disposable {
  /** Address to connect to. */
  readonly addr: Deno.NetAddr;
  #listener: Deno.TcpListener;
  #target: number | string;
  #sockets: (Deno.TcpConn | Deno.UnixConn)[] = [];
  #running: Promise<unknown>;

  /**
   * @param target port, or path of a Unix socket
   */
  constructor(target: number | string) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.addr = this.#listener.addr;
    this.#target = target;
    this.#running = this.#run();
  }

  /** Ends both TCP connections without a TLS close_notify. */
  async cut(): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => socket.closeWrite()));
  }

  /** Injects bytes in both directions. */
  async inject(bytes: Uint8Array): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => socket.write(bytes)));
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const socket of this.#sockets) socket.close();
  }

  /** Waits for all forwarding to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await this.#running;
  }

  async #run(): Promise<void> {
    const inner = await this.#listener.accept();
    const outer = typeof this.#target === "number"
      ? await Deno.connect({ port: this.#target })
      : await Deno.connect({ transport: "unix", path: this.#target });
    this.#sockets = [inner, outer];
    await Promise.all([this.#pass(inner, outer), this.#pass(outer, inner)]);
  }

  async #pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(16_384);
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) return;
        for (let at = 0; at < count;) {
          at += await to.write(buffer.subarray(at, count));
        }
      }
    } catch {
      // Closing a socket ends its copy loop.
    }
  }
}
