import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";

const DEMO = new URL("../../examples/demo.ts", import.meta.url).pathname;
const CLIENT =
  new URL("../../examples/demo/client.ts", import.meta.url).pathname;

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await command(args).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

function command(args: string[]): Deno.Command {
  return new Deno.Command("deno", {
    args: ["run", "--quiet", "--frozen", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

/** Its two processes have their own permissions. */
const PERMISSIONS = ["--allow-run=deno"];

Deno.test("the demonstration shows every layer, exits on its own and reports success", async () => {
  const { code, stdout, stderr } = await run([...PERMISSIONS, DEMO]);
  assertEquals(stderr, "");
  assertEquals(code, 0);
  for (
    const step of [
      "a server socket is created",
      "it is bound to 127.0.0.1:",
      "it listens",
      "it accepts a client: a new socket",
      "a client socket is created",
      "──▶ HELLO   00 00 00",
      "◀── RESULT  00 00 00 14 [ 13 00  00 00 00 00 00 01 ] 00 00 81 a5 63 65 6e 74 73 cd 04 e2",
      'price({ sku: "A-1" }) returned { cents: 1250 }',
      "failed as declared: outOfStock, 3 left",
      "streamed 80, 81, 82 cents",
      'the server alerted: "read: hello"',
      "──▶ GOAWAY",
      "both ends have closed their stream; the socket is closed",
      "the server socket is closed",
    ]
  ) assertStringIncludes(stdout, step);
  assertStringIncludes(
    stdout.trimEnd().split("\n").at(-1) ?? "",
    "All went well",
  );
});

Deno.test("--help explains the demonstration, and so does an invalid option", async () => {
  const help = await run([...PERMISSIONS, DEMO, "--help"]);
  assertEquals(help.code, 0);
  assertStringIncludes(help.stdout, "--port <port>");
  for (const args of [["--port", "70000"], ["--port", "x"], ["--nope"]]) {
    const { code, stderr } = await run([...PERMISSIONS, DEMO, ...args]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, "Usage: deno task demo");
  }
});

Deno.test("--port serves until interrupted, and a second terminal can connect", async () => {
  await using server = command([...PERMISSIONS, DEMO, "--port", "0"]).spawn();
  const stderr = new Response(server.stderr).text();
  let output = "";
  let port: string | undefined;
  for await (const text of server.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (port === undefined && output.includes("Press Ctrl+C")) {
      port = /--port (\d+)/.exec(output)?.[1];
      const client = await run([
        "--allow-net=127.0.0.1",
        CLIENT,
        "--port",
        `${port}`,
      ]);
      assertEquals(client.stderr, "");
      assertEquals(client.code, 0);
      interruptChildren(server.pid);
    }
  }
  assertMatch(output, /the socket to 127\.0\.0\.1:\d+ is closed/);
  assertStringIncludes(output, "the server socket is closed");
  assertEquals(await stderr, "");
  assertEquals((await server.status).code, 0);
});

/** Interrupts every process of the group, as Ctrl+C in a terminal does. */
function interruptChildren(pid: number): void {
  for (
    const line of Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`)
      .trim().split(" ")
  ) {
    Deno.kill(Number(line), "SIGINT");
  }
}

Deno.test("the demonstration's server fails clearly when its port is in use", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, stderr } = await run([
    ...PERMISSIONS,
    DEMO,
    "--port",
    `${listener.addr.port}`,
  ]);
  assertEquals(code, 1);
  assertMatch(stderr, /Cannot listen on tcp:\/\/127\.0\.0\.1:\d+/);
});

Deno.test("the demonstration's client fails clearly when no server listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { code, stderr } = await run([
    "--allow-net=127.0.0.1",
    CLIENT,
    "--port",
    `${port}`,
  ]);
  assertEquals(code, 1);
  assertMatch(stderr, /Cannot connect to tcp:\/\/127\.0\.0\.1:\d+/);
});
