/**
 * The command line as a process, with nothing but the permission for an address.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { listen } from "../../lib/transport/listen.ts";
import { shop } from "./shop.ts";

/** Starts the command line with `--allow-net` for one address. */
function start(
  port: number,
  args: readonly string[],
  flags: readonly string[] = [],
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--frozen", "--no-check", "--no-prompt"],
      ...[`--allow-net=127.0.0.1:${port}`, ...flags],
      ...["lib/cli/main.ts", ...args],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
}

async function output(
  port: number,
  args: readonly string[],
  flags: readonly string[] = [],
) {
  const { code, stdout, stderr } = await start(port, args, flags).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** Serves the shop on a free port. */
async function served() {
  const { server, seen } = shop();
  const listener = await listen({ port: 0 });
  (async () => {
    for await (const connection of listener) server.accept(connection);
  })();
  const { port = 0 } = listener.addr;
  const url = `tcp://127.0.0.1:${port}`;
  return {
    seen,
    port,
    url,
    async stop() {
      listener.close();
      await server.shutdown();
    },
  };
}

Deno.test("the commands need only --allow-net", async () => {
  const { stop, port, url } = await served();
  try {
    const [listed, called, file, subscribed, measured] = await Promise.all([
      output(port, ["ls", url]),
      output(port, ["call", url, "price", '{"sku":"tea"}']),
      output(port, ["frames", "secret.bin"]),
      output(port, ["subscribe", url, "quotes", "--count", "2"]),
      output(port, [
        ...["bench", url, "echo", "1", "--rate", "100", "--warmup", "0"],
        ...["--duration", "200ms"],
      ]),
    ]);
    assertEquals(listed.code, 0, listed.stderr);
    assertStringIncludes(listed.stdout, '"name":"price"');
    assertEquals([called.code, called.stdout], [0, '{"cents":300}\n']);
    assertEquals(file.code, 2);
    assertStringIncludes(file.stderr, "--allow-read=secret.bin");
    assertEquals([subscribed.code, subscribed.stdout.split("\n").length], [
      0,
      3,
    ]);
    assertEquals(measured.code, 0, measured.stderr);
    assertEquals(JSON.parse(measured.stdout).calls, 20);
  } finally {
    await stop();
  }
});

Deno.test("bench starts workers, which read the files of the program", async () => {
  const { stop, port, url } = await served();
  const load = [
    ...["bench", url, "echo", "1", "--rate", "200", "--warmup", "0"],
    ...["--duration", "200ms", "--workers", "2"],
  ];
  try {
    const denied = await output(port, load);
    assertEquals(denied.code, 2);
    assertStringIncludes(denied.stderr, "--allow-read");
    const { code, stdout, stderr } = await output(port, load, ["--allow-read"]);
    assertEquals(code, 0, stderr);
    const { calls, outcomes, workers } = JSON.parse(stdout);
    assertEquals([calls, outcomes, workers], [40, { ok: 40 }, 2]);
  } finally {
    await stop();
  }
});

Deno.test("tap, replay and diff need only the files and addresses they name", async () => {
  const { stop, port, url } = await served();
  const folder = await Deno.makeTempDir({ prefix: "lengthwise_cli_" });
  const file = `${folder}/x.pcapng`;
  try {
    using free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port: tapped } = free.addr;
    free.close();
    const tap = start(
      port,
      [
        ...["tap", "--listen", `tcp://127.0.0.1:${tapped}`, "--to", url],
        ...["--bodies", "full", "--write", file],
      ],
      [
        `--allow-net=127.0.0.1:${port},127.0.0.1:${tapped}`,
        `--allow-write=${file}`,
      ],
    );
    await firstBytes(tap.stderr);
    const through = ["call", `tcp://127.0.0.1:${tapped}`, "price"];
    const called = await output(tapped, [...through, '{"sku":"tea"}']);
    assertEquals(called.stdout, '{"cents":300}\n', called.stderr);
    tap.kill("SIGINT");
    await tap.stdout.cancel();
    assertEquals((await tap.status).code, 130);
    const [replayed, compared] = await Promise.all([
      output(
        port,
        ["replay", file, "--to", url, "--filter", "method:price"],
        [`--allow-read=${file}`],
      ),
      output(
        port,
        ["diff", url, "tests/cli/shop.ts", "--export", "Shop"],
        ["--allow-read=."], // the file imports others
      ),
    ]);
    assertEquals(replayed.code, 0, replayed.stderr);
    assertStringIncludes(replayed.stderr, "1 call, 0 with another outcome");
    assertEquals(compared.code, 0, compared.stderr);
  } finally {
    await stop();
    await Deno.remove(folder, { recursive: true });
  }
});

/** Waits for output, then reads the rest in the background. */
async function firstBytes(stream: ReadableStream<Uint8Array>): Promise<void> {
  const reader = stream.getReader();
  await reader.read();
  (async () => {
    while (!(await reader.read()).done);
  })();
}

Deno.test("a reader that leaves ends the command with 0 and no stack", async () => {
  const { stop, seen, port, url } = await served();
  try {
    const child = start(port, ["call", url, "quotes"]);
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    assertEquals(await new Response(child.stderr).text(), "");
    assertEquals((await child.status).code, 0);
  } finally {
    await stop();
  }
  assertEquals(seen.cancelled, 1);
});

Deno.test("SIGINT cancels the call and ends the command with 130", async () => {
  const { stop, seen, port, url } = await served();
  try {
    const child = start(port, ["call", url, "wait"]);
    while (seen.waiting === 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill("SIGINT");
    const { code, stderr } = await child.output();
    assertEquals(code, 130, new TextDecoder().decode(stderr));
  } finally {
    await stop();
  }
  assertEquals(seen.cancelled, 1);
});

Deno.test("a missing permission is explained", async () => {
  const { code, stderr } = await output(1, ["ls", "tcp://127.0.0.1:2"]);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "--allow-net=127.0.0.1:2");
  assert(!stderr.includes("    at "), stderr);
});
