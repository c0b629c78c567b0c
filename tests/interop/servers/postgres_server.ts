/**
 * A PostgreSQL server (Debian package `postgresql`) on a free port of 127.0.0.1,
 * with its own database, which is removed when it stops.
 *
 * @module
 */
import { server as certificate } from "../../transport/tls/certificates.ts";
import {
  asUser,
  findProgram,
  type RunningServer,
  startServer,
  succeed,
  temporaryFolder,
} from "./programs.ts";

const PACKAGE = "postgresql";
const ROOT = "/usr/lib/postgresql";

/** Owner of the cluster. */
export const ADMIN = { user: "admin", password: "correct horse" };

/** Authentication rules: the first matching line counts. */
const HOST_RULES = `
host all trusted 127.0.0.1/32 trust
host all clear   127.0.0.1/32 password
host all all     127.0.0.1/32 scram-sha-256
`;

/**
 * Starts a server that requires SCRAM-SHA-256.
 *
 * The role `trusted` needs no password; `clear` sends it in plain text.
 */
export async function startPostgres(): Promise<RunningServer> {
  const initdb = findProgram("initdb", PACKAGE, folders());
  const postgres = findProgram("postgres", PACKAGE, folders());
  // PostgreSQL refuses to run as root; its package creates a user for it.
  const user = Deno.uid() === 0 ? "postgres" : undefined;
  await using cleanUp = new AsyncDisposableStack();
  const folder = cleanUp.use(await temporaryFolder(user));
  const data = `${folder.path}/data`;
  const passwordFile = `${folder.path}/password`;
  await Deno.writeTextFile(passwordFile, ADMIN.password);
  const [program = "", ...args] = asUser(user, [
    initdb,
    `--pgdata=${data}`,
    `--username=${ADMIN.user}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--no-sync",
  ]);
  await succeed(program, args);
  await Deno.writeTextFile(`${data}/pg_hba.conf`, HOST_RULES);
  // Not an argument, so a session can change it.
  const configuration = `${data}/postgresql.conf`;
  await Deno.writeTextFile(configuration, "\nssl = on\n", { append: true });
  const keyFile = `${data}/server.key`;
  await Deno.writeTextFile(`${data}/server.crt`, certificate.cert);
  await Deno.writeTextFile(keyFile, certificate.key, { mode: 0o600 });
  if (user !== undefined) await succeed("chown", [user, keyFile]);
  const server = cleanUp.use(
    await startServer({
      user,
      command: (port) => [
        postgres,
        "-D",
        data,
        ...settings({
          listen_addresses: "127.0.0.1",
          port: `${port}`,
          unix_socket_directories: folder.path,
          fsync: "off",
          lc_messages: "C",
        }),
      ],
      ready: /database system is ready to accept connections/,
      stopSignal: "SIGINT", // "fast shutdown": disconnects clients
    }),
  );
  const stop = cleanUp.move();
  return {
    port: server.port,
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

function settings(values: Record<string, string>): string[] {
  return Object.entries(values).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
}

/** Program folders of all installed versions, the newest first. */
function folders(): string[] {
  try {
    return [...Deno.readDirSync(ROOT)]
      .map(({ name }) => name)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => `${ROOT}/${version}/bin`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
