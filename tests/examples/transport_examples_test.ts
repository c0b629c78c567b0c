/**
 * The examples of the transport layer run with the permissions in their first
 * line.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";

const EXAMPLES = new URL("../../examples/", import.meta.url);

/** Returns the command of an example, from its shebang. */
async function command(
  name: string,
  ...args: string[]
): Promise<Deno.Command> {
  const { pathname } = new URL(name, EXAMPLES);
  const [shebang = ""] = (await Deno.readTextFile(pathname)).split("\n");
  const [, flags = ""] = /^#!\/usr\/bin\/env -S deno run (.*)$/.exec(shebang) ??
    [];
  assert(flags !== "", `${name} must begin with a shebang`);
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--no-prompt",
      ...flags.split(" "),
      pathname,
      ...args,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

async function output(
  name: string,
  ...args: string[]
): Promise<{ code: number; lines: string[]; errors: string }> {
  const { code, stdout, stderr } = await (await command(name, ...args))
    .output();
  const decoder = new TextDecoder();
  return {
    code,
    // Sorted: two ends in one process print in any order.
    lines: decoder.decode(stdout).trim().split("\n").sort(),
    errors: decoder.decode(stderr).replaceAll(/^Check .*\n/gm, ""),
  };
}

Deno.test("examples/first_socket.ts runs server and client, and ends", async () => {
  const { code, lines, errors } = await output("first_socket.ts");
  assertEquals([code, errors], [0, ""]);
  assertEquals(lines.length, 7);
  assertMatch(lines[0] ?? "", /^client: connected from tcp:\/\/127\.0\.0\.1:/);
  assertEquals(lines[1], 'client: received "Hello, socket!"');
  assertEquals(lines[2], "client: the server ended its stream too");
  assertEquals(lines[5], "server: echoed 14 bytes");
});

Deno.test("examples/first_socket.ts runs as two processes", async () => {
  const server = (await command("first_socket.ts", "server", "0")).spawn();
  const reader = server.stdout.pipeThrough(new TextDecoderStream())
    .getReader();
  let text = "";
  while (!text.includes("\n")) text += (await reader.read()).value;
  const [, port = ""] = /127\.0\.0\.1:(\d+)/.exec(text) ?? [];
  const { code, lines } = await output("first_socket.ts", "client", port);
  server.kill();
  await reader.cancel();
  await server.stderr.cancel();
  await server.status;
  assertEquals([code, lines.length], [0, 3]);
  assertEquals(lines[1], 'client: received "Hello, socket!"');
});

Deno.test("examples/first_socket.ts refuses an unknown role", async () => {
  const { code, errors } = await output("first_socket.ts", "waiter");
  assertEquals(code, 1);
  assertMatch(errors, /'server' or 'client', not 'waiter'/);
});

Deno.test("examples/http_by_hand.ts speaks HTTP, and then a protocol without its rule", async () => {
  const { code, lines, errors } = await output("http_by_hand.ts");
  assertEquals([code, errors], [0, ""]);
  assertEquals(lines, [
    "http: HTTP/1.1 200 OK | POST /shout: HELLO BY HAND",
    "http: HTTP/1.1 200 OK | in chunks",
    "socket: client: sent at the same time",
    "socket: server: sent without a request",
  ]);
});
