import { assertEquals, assertMatch } from "@std/assert";

const FOLDER = new URL("../../examples/service/", import.meta.url).pathname;

function command(program: string, port: string): Deno.Command {
  return new Deno.Command("deno", {
    args: [
      "run",
      "--quiet",
      "--frozen",
      "--allow-net=127.0.0.1",
      FOLDER + program,
      port,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

Deno.test("the service of examples/service stays up until SIGTERM, and its client ends", async () => {
  await using server = command("server.ts", "0").spawn();
  const text = server.stdout.pipeThrough(new TextDecoderStream());
  const output = text[Symbol.asyncIterator]();
  let printed = "";
  while (!printed.includes("\n")) printed += (await output.next()).value;
  const [, port = "", note] = printed.match(/1:(\d+) (.*)/) ?? [];
  assertMatch(port, /^\d+$/);
  assertEquals(note, "(for this machine or container only)");
  for (let n = 0; n < 2; n++) {
    const { code, stdout } = await command("client.ts", port).output();
    assertEquals(code, 0);
    assertEquals(new TextDecoder().decode(stdout), "{ cents: 300 }\n");
  }
  server.kill("SIGTERM");
  assertEquals((await output.next()).value, "stopped\n");
  assertEquals((await output.next()).done, true);
  assertEquals((await server.status).code, 0);
  assertEquals(await new Response(server.stderr).text(), "");
});
