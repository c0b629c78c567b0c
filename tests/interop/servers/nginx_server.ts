/**
 * nginx (Debian packages `nginx-light`, `libnginx-mod-stream`) as a TCP proxy on a
 * free port of 127.0.0.1.
 *
 * @module
 */
import {
  findProgram,
  type RunningServer,
  startServer,
  temporaryFolder,
} from "./programs.ts";

/**
 * Starts nginx.
 *
 * @param server port of the server on 127.0.0.1
 * @param idle milliseconds after which nginx closes an idle connection
 */
export async function startNginx(
  server: number,
  idle: number,
): Promise<RunningServer> {
  const nginx = findProgram("nginx", "nginx-light libnginx-mod-stream");
  const user = Deno.uid() === 0 ? "www-data" : undefined;
  await using cleanUp = new AsyncDisposableStack();
  const folder = cleanUp.use(await temporaryFolder(user));
  const running = cleanUp.use(
    await startServer({
      user,
      command: (port) => {
        const file = `${folder.path}/nginx.conf`;
        Deno.writeTextFileSync(
          file,
          configuration(folder.path, port, server, idle),
        );
        return [nginx, "-c", file, "-e", "stderr"];
      },
      ready: /getrlimit/, // after it has bound its port
      stopSignal: "SIGTERM",
    }),
  );
  const stop = cleanUp.move();
  return {
    port: running.port,
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

function configuration(
  folder: string,
  port: number,
  server: number,
  idle: number,
): string {
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr notice;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events { worker_connections 64; }
stream {
  server {
    listen 127.0.0.1:${port};
    proxy_pass 127.0.0.1:${server};
    proxy_timeout ${idle}ms;
  }
}
`;
}
