/**
 * Cloudflare Workers, in their own runtime: a client and a server over WebSocket.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
import { withBundle } from "./run_in_node.ts";
import { callTexts, createTexts } from "./texts_peer.ts";

const local = { hostname: "127.0.0.1", port: 0 };

/** Settings of workerd: one worker, which may connect to any address. */
function settings(bundle: string, port: number): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "main", esModule = embed "${bundle}")],
      compatibilityDate = "2026-11-01",
    )),
    (name = "internet", network = (allow = ["local", "private", "public"])),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:${port}", http = (), service = "main"),
  ],
);`;
}

/** Returns the path of workerd, which npx fetches. */
async function findWorkerd(): Promise<string> {
  const { stdout } = await new Deno.Command("npx", {
    args: ["-y", "-p", "workerd@1.20261117.1", "-c", "command -v workerd"],
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

/** Waits until a server answers. */
async function answers(url: string): Promise<void> {
  for (let turn = 0; turn < 300; turn++) {
    try {
      await (await fetch(url)).body?.cancel();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error(`${url} does not answer`);
}

Deno.test("a Cloudflare Worker and Deno call each other over WebSocket", async () => {
  await using server = createTexts();
  await using http = Deno.serve({ ...local, onListen() {} }, (request) => {
    const { response, connection } = upgradeWebSocket(request);
    server.accept(connection);
    return response;
  });
  const free = Deno.listen(local);
  const { port } = free.addr;
  free.close();
  const program = "tests/node/programs/cloudflare_worker.ts";
  await withBundle(program, async (bundle) => {
    const file = bundle.replace(/[^/]*$/, "config.capnp");
    await Deno.writeTextFile(file, settings("bundle.mjs", port));
    await using workerd = new Deno.Command(await findWorkerd(), {
      args: ["serve", file],
      stdin: "null",
    }).spawn();
    try {
      await answers(`http://127.0.0.1:${port}/`);
      const url = encodeURIComponent(`ws://127.0.0.1:${http.addr.port}/`);
      const called = await fetch(`http://127.0.0.1:${port}/?server=${url}`);
      assertEquals(await called.text(), "ok, TCP is unsupported");
      await callTexts(`ws://127.0.0.1:${port}/`);
    } finally {
      workerd.kill("SIGTERM");
    }
  });
});
