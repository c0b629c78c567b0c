/**
 * HAProxy (Debian package `haproxy`) in TCP mode on a free port of 127.0.0.1.
 *
 * @module
 */
import {
  findProgram,
  type RunningServer,
  startServer,
  temporaryFolder,
} from "./programs.ts";

/** Options of {@linkcode startHaproxy}. */
export interface HaproxyOptions {
  /** Ports of the servers on 127.0.0.1. */
  servers: readonly number[];
  /** Milliseconds after which HAProxy closes idle connections. */
  idle: number;
  /** Options of each server, such as `send-proxy`. */
  send?: string;
  /** Certificate for clients, and the authority of theirs. @default {no TLS} */
  tls?: { certificate: { cert: string; key: string }; clientCa: string };
}

/** Starts HAProxy. */
export async function startHaproxy(
  options: HaproxyOptions,
): Promise<RunningServer> {
  const haproxy = findProgram("haproxy", "haproxy");
  const user = Deno.uid() === 0 ? "haproxy" : undefined;
  await using cleanUp = new AsyncDisposableStack();
  const folder = cleanUp.use(await temporaryFolder(user));
  const server = cleanUp.use(
    await startServer({
      user,
      command: (port) => {
        const file = `${folder.path}/haproxy.cfg`;
        const bind = bindOptions(folder.path, options);
        Deno.writeTextFileSync(file, configuration(port, bind, options));
        return [haproxy, "-W", "-f", file];
      },
      ready: /Loading success/,
      stopSignal: "SIGTERM",
    }),
  );
  const stop = cleanUp.move();
  return {
    port: server.port,
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

/** Writes the certificate and the authority; returns the options that use them. */
function bindOptions(folder: string, { tls }: HaproxyOptions): string {
  if (tls === undefined) return "";
  const { certificate: { cert, key }, clientCa } = tls;
  Deno.writeTextFileSync(`${folder}/server.pem`, `${cert}\n${key}\n`);
  Deno.writeTextFileSync(`${folder}/ca.pem`, clientCa);
  return ` ssl crt ${folder}/server.pem ca-file ${folder}/ca.pem verify optional`;
}

function configuration(
  port: number,
  bind: string,
  { servers, idle, send }: HaproxyOptions,
): string {
  const listed = servers.map((server, index) =>
    `  server s${index} 127.0.0.1:${server} check inter 200 fall 1 rise 1${
      send ? ` ${send}` : ""
    }`
  );
  // A connection that a server refuses goes to the next one.
  return `
global
  maxconn 4096
defaults
  mode tcp
  retries 3
  option redispatch 1
  timeout connect 2s
  timeout client ${idle}
  timeout server ${idle}
listen fleet
  bind 127.0.0.1:${port}${bind}
  balance leastconn
${listed.join("\n")}
`;
}
