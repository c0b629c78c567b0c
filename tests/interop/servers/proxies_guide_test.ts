/**
 * The configurations of `lib/guides/proxies.md` in nginx, HAProxy and Caddy, with
 * other ports and without TLS: a call and an upload pass each of them.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  clientStream,
  connect,
  createServer,
  protocol,
  unary,
} from "@lengthwise/lengthwise";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
import {
  findProgram,
  type RunningServer,
  startServer,
  temporaryFolder,
} from "./programs.ts";

const GUIDE = Deno.readTextFileSync("lib/guides/proxies.md");

const Files = protocol({
  name: "files",
  server: {
    address: unary<void, string>(),
    upload: clientStream<Uint8Array, number>(),
  },
});

/** Returns the configurations of one proxy, in their order. */
function blocks(language: string): string[] {
  return [...GUIDE.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === language).map(([, , text = ""]) => text);
}

/** Replaces texts, each of which must be there. */
function replaced(text: string, changes: Record<string, string>): string {
  return Object.entries(changes).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the guide has no "${from}"`);
    return text.replaceAll(from, to);
  }, text);
}

/** A proxy that runs with a configuration. */
interface Proxy {
  readonly program: string;
  readonly debianPackage: string;
  readonly ready: RegExp;
  readonly arguments: (file: string) => string[];
  /** Returns the configuration for a port of the proxy and one of the server. */
  readonly configuration: (
    port: number,
    server: number,
    folder: string,
  ) => string;
}

const DEFAULTS = blocks("haproxy")[0]!.split("frontend")[0]!;

const NGINX = {
  program: "nginx",
  debianPackage: "nginx-light libnginx-mod-stream",
  ready: /getrlimit/,
  arguments: (file: string) => ["-c", file, "-e", "stderr"],
};
const HAPROXY = {
  program: "haproxy",
  debianPackage: "haproxy",
  ready: /Loading success/,
  arguments: (file: string) => ["-W", "-f", file],
};
/** Settings of nginx; it removes the file of its process id when it ends. */
function nginxHead(folder: string): string {
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 64; }
`;
}

/** Proxies that pass WebSockets. */
const WEBSOCKET: Record<string, Proxy> = {
  nginx: {
    ...NGINX,
    configuration: (port, server, folder) =>
      nginxHead(folder) +
      `http { access_log off;\n${
        replaced(blocks("nginx")[0]!, {
          "listen 443 ssl": `listen 127.0.0.1:${port}`,
          "127.0.0.1:8000": `127.0.0.1:${server}`,
        })
      }}\n`,
  },
  HAProxy: {
    ...HAPROXY,
    configuration: (port, server) =>
      replaced(blocks("haproxy")[0]!, {
        ":443 ssl crt /etc/haproxy/example.com.pem": `127.0.0.1:${port}`,
        "127.0.0.1:8000": `127.0.0.1:${server}`,
      }),
  },
  Caddy: {
    program: "caddy",
    debianPackage: "caddy",
    ready: /serving initial configuration/,
    arguments: (file) => [
      ...["run", "--adapter", "caddyfile"],
      ...["--config", file],
    ],
    configuration: (port, server) =>
      "{\n  admin off\n  auto_https off\n}\n" +
      replaced(blocks("caddyfile")[0]!, {
        "example.com {": `http://127.0.0.1:${port} {`,
        "127.0.0.1:8000": `127.0.0.1:${server}`,
      }),
  },
};

/** Proxies that pass bytes. */
const TCP: Record<string, Proxy> = {
  nginx: {
    ...NGINX,
    configuration: (port, server, folder) =>
      "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n" +
      nginxHead(folder) +
      replaced(blocks("nginx")[1]!, {
        "listen 7000": `listen 127.0.0.1:${port}`,
        "10.0.0.1:7000": `127.0.0.1:${server}`,
        "server 10.0.0.2:7000;": "",
      }),
  },
  HAProxy: {
    ...HAPROXY,
    configuration: (port, server) =>
      DEFAULTS + replaced(blocks("haproxy")[1]!, {
        "bind :7000": `bind 127.0.0.1:${port}`,
        "10.0.0.1:7000": `127.0.0.1:${server}`,
        "10.0.0.2:7000": `127.0.0.1:${server}`,
      }),
  },
};

/** Starts a proxy for a server on a port. */
async function start(proxy: Proxy, server: number): Promise<RunningServer> {
  const program = findProgram(proxy.program, proxy.debianPackage);
  await using cleanUp = new AsyncDisposableStack();
  const folder = cleanUp.use(await temporaryFolder(undefined));
  const running = cleanUp.use(
    await startServer({
      user: undefined,
      command: (port) => {
        const file = `${folder.path}/configuration`;
        Deno.writeTextFileSync(
          file,
          proxy.configuration(port, server, folder.path),
        );
        return [program, ...proxy.arguments(file)];
      },
      ready: proxy.ready,
      stopSignal: "SIGTERM",
    }),
  );
  const stop = cleanUp.move();
  return {
    port: running.port,
    [Symbol.asyncDispose]: () => stop.disposeAsync(),
  };
}

function createFiles() {
  return createServer(Files, {
    authenticate: (_, { request }) =>
      request?.headers.get("x-forwarded-for") ?? "",
  }).handle({
    address: (_, { session }) => session.auth,
    async upload(chunks) {
      let bytes = 0;
      for await (const chunk of chunks) bytes += chunk.length;
      return bytes;
    },
  });
}

/** Makes a call and an upload of 4 MiB; returns what `address()` returned. */
async function use(address: string): Promise<string> {
  await using session = await connect(Files, address);
  const chunks = Array(64).fill(new Uint8Array(65_536));
  assertEquals(await session.remote.upload(chunks).result, 4 << 20);
  return await session.remote.address();
}

for (const [name, proxy] of Object.entries(WEBSOCKET)) {
  Deno.test(`${name} passes a WebSocket with the guide's configuration`, async () => {
    await using server = createFiles();
    await using http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const { response, connection } = upgradeWebSocket(request);
        server.accept(connection);
        return response;
      },
    );
    await using running = await start(proxy, http.addr.port);
    const address = await use(`ws://127.0.0.1:${running.port}/shop`);
    assertEquals(address, "127.0.0.1"); // of the client, in X-Forwarded-For
  });
}

for (const [name, proxy] of Object.entries(TCP)) {
  Deno.test(`${name} passes TCP with the guide's configuration`, async () => {
    await using server = createFiles();
    const { port } = await server.listen({ port: 0 });
    await using running = await start(proxy, port!);
    await use(`tcp://127.0.0.1:${running.port}`);
  });
}
