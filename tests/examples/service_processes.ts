import { assert, assertEquals, assertMatch } from "@std/assert";
import { createClient } from "@lengthwise/lengthwise";
import { Shop } from "../../examples/service/shop.ts";

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

Deno.test("deno run --watch: a client connects again when the service changes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lengthwise_" });
  try {
    const program = `${folder}/server.ts`;
    const text = (await Deno.readTextFile(`${FOLDER}server.ts`))
      .replace("./shop.ts", `file://${FOLDER}shop.ts`);
    await Deno.writeTextFile(program, text);
    // The service needs the same port after its restart.
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = free.addr;
    free.close();
    const server = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--watch",
        "--quiet",
        "--frozen",
        "--config=deno.json", // for a copy in another folder
        "--allow-net=127.0.0.1",
        program,
        `${port}`,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await using _ended = {
      async [Symbol.asyncDispose]() {
        server.kill("SIGKILL"); // SIGTERM ends the service, and not its watcher
        await server.status;
      },
    };
    await using client = createClient(Shop, { port }, {
      reconnect: { minDelay: 10, maxDelay: 500 },
    });
    const price = () =>
      client.remote.price({ sku: "book" }, { timeout: 5_000 })
        .then(({ cents }) => cents, () => 0);
    let cents = 0;
    const until = async (wanted: number) => {
      for (let turn = 0; turn < 300 && cents !== wanted; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        cents = await price();
      }
      assertEquals(cents, wanted);
    };
    await until(400);
    const changed = text.replace("* 100", "* 200");
    assert(changed !== text);
    await Deno.writeTextFile(program, changed);
    await until(800);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
