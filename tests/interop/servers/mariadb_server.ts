/**
 * A MariaDB server (Debian package `mariadb-server`) on a free port of
 * 127.0.0.1, with its own databases, which are removed when it stops.
 *
 * @module
 */
import {
  asUser,
  findProgram,
  type RunningServer,
  startServer,
  succeed,
  temporaryFolder,
} from "./programs.ts";

const PACKAGE = "mariadb-server";

/** The role that may log in over TCP. */
export const ROLE = { user: "app", password: "correct horse" };

/** Starts a server whose messages may have 64 MiB. */
export async function startMariadb(): Promise<RunningServer> {
  const install = findProgram("mariadb-install-db", PACKAGE);
  const mariadbd = findProgram("mariadbd", PACKAGE);
  // MariaDB refuses to run as root; its package creates a user for it.
  const user = Deno.uid() === 0 ? "mysql" : undefined;
  await using cleanUp = new AsyncDisposableStack();
  const folder = cleanUp.use(await temporaryFolder(user));
  const data = `${folder.path}/data`;
  const [program = "", ...args] = asUser(user, [
    ...[install, "--no-defaults", `--datadir=${data}`, "--skip-test-db"],
    "--auth-root-authentication-method=normal",
  ]);
  await succeed(program, args);
  const accounts = `${folder.path}/accounts.sql`;
  await Deno.writeTextFile(
    accounts,
    `create user ${ROLE.user}@'127.0.0.1' identified by '${ROLE.password}';`,
  );
  const server = cleanUp.use(
    await startServer({
      user,
      command: (port) => [
        ...[mariadbd, "--no-defaults", `--datadir=${data}`],
        ...["--bind-address=127.0.0.1", `--port=${port}`],
        ...[`--socket=${folder.path}/socket`, `--init-file=${accounts}`],
        ...["--max-allowed-packet=64M", "--innodb-flush-method=nosync"],
        ...["--skip-name-resolve", `--pid-file=${folder.path}/pid`],
      ],
      ready: /ready for connections/,
      stopSignal: "SIGTERM",
    }),
  );
  const stop = cleanUp.move();
  return {
    port: server.port,
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}
