/**
 * NSD, an authoritative DNS server (Debian package `nsd`), on a free port of
 * 127.0.0.1, with the zone of the DNS example.
 *
 * @module
 */
import { line, RECORDS } from "./dns_zone.ts";
import {
  findProgram,
  type RunningServer,
  startServer,
  temporaryFolder,
} from "./programs.ts";

const PACKAGE = "nsd";

/** Starts NSD. */
export async function startNsd(): Promise<RunningServer> {
  const nsd = findProgram("nsd", PACKAGE);
  const user = Deno.uid() === 0 ? "nsd" : undefined;
  await using cleanUp = new AsyncDisposableStack();
  const folder = cleanUp.use(await temporaryFolder(user));
  await Deno.writeTextFile(
    `${folder.path}/zone`,
    RECORDS.map((record) => `${line(record)}\n`).join(""),
  );
  const server = cleanUp.use(
    await startServer({
      user,
      command: (port) => {
        const file = `${folder.path}/nsd.conf`;
        Deno.writeTextFileSync(file, configuration(folder.path, port));
        return [nsd, "-d", "-c", file];
      },
      ready: /nsd started/,
      stopSignal: "SIGTERM",
    }),
  );
  const stop = cleanUp.move();
  return {
    port: server.port,
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

function configuration(folder: string, port: number): string {
  return `
server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: ""
  xfrdfile: "${folder}/xfrd.state"
  xfrdir: "${folder}"
  zonelistfile: "${folder}/zone.list"
  cookie-secret-file: ""
  minimal-responses: yes
  verbosity: 1
remote-control:
  control-enable: no
zone:
  name: example.test
  zonefile: zone
`;
}
