/**
 * A NATS server (Debian package `nats-server`) on a port of 127.0.0.1, which a test
 * kills, pauses and starts again on the same port; and clients from npm.
 *
 * @module
 */
import {
  connect,
  type NatsConnection,
  type NodeConnectionOptions,
} from "@nats-io/transport-node";
import { asUser, findProgram } from "../interop/servers/programs.ts";

/** Milliseconds that the server may take to start. */
const PATIENCE = 20_000;

/** A server that is started and ended again and again. */
export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  #child: Deno.ChildProcess | undefined = undefined;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
  }

  /** Starts a server; `config` has lines of its configuration. */
  static async start(config = ""): Promise<NatsServer> {
    using free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = free.addr;
    const folder = await Deno.makeTempDir({ prefix: "lengthwise-nats-" });
    const text = `listen: "127.0.0.1:${port}"\n${config}\n`
      .replaceAll("FOLDER", folder);
    await Deno.writeTextFile(`${folder}/nats.conf`, text);
    const server = new NatsServer(port, folder);
    free.close();
    await server.start();
    return server;
  }

  /** Starts the server again, on the same port. */
  async start(): Promise<void> {
    const nats = findProgram("nats-server", "nats-server");
    const command = [nats, "-c", `${this.#folder}/nats.conf`];
    const [program = "", ...args] = asUser(undefined, command, [
      "--pdeathsig=TERM",
    ]);
    const child = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#child = child;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    (async () => {
      let log = "";
      for await (
        const part of child.stderr.pipeThrough(new TextDecoderStream())
      ) {
        log += part;
        if (/Server is ready/.test(log)) resolve();
      }
      reject(new Error(`nats-server has ended: ${log}`));
    })();
    const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    await promise.finally(() => clearTimeout(timer));
  }

  /** Sends a signal. */
  signal(name: Deno.Signal): void {
    this.#child?.kill(name);
  }

  /** Ends the server: with SIGKILL, as in a crash, or in order. */
  async end(name: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill("SIGCONT");
    child.kill(name);
    await child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGTERM");
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** A connection of `@nats-io/transport-node`. */
export type Client = NatsConnection;

/** Connects as the README recommends, and reconnects fast. */
export function connectNats(
  server: { readonly port: number },
  options: NodeConnectionOptions = {},
): Promise<Client> {
  return connect({
    servers: `127.0.0.1:${server.port}`,
    maxReconnectAttempts: -1,
    pingInterval: 20_000,
    reconnectTimeWait: 50,
    ...options,
  });
}
