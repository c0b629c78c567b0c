import { assertEquals } from "@std/assert";
import { createClient } from "@lengthwise/lengthwise";
import { Bank } from "../../../examples/once_redis/bank.ts";
import { startRedis } from "./redis_server.ts";
import { trial } from "./payments/trial.ts";

const EXAMPLE = new URL("../../../examples/once_redis/", import.meta.url);

function run(program: string, ...ports: number[]): Deno.Command {
  const path = new URL(program, EXAMPLE).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--frozen", "--allow-net=127.0.0.1", path]
      .concat(ports.map(String)),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  });
}

Deno.test("the programs of examples/once_redis pay once, also if the client runs again", async () => {
  await using redis = await startRedis();
  await using server = run("server.ts", redis.port, 0).spawn();
  const text = server.stdout.pipeThrough(new TextDecoderStream());
  const output = text[Symbol.asyncIterator]();
  const port = Number(/port (\d+)/.exec((await output.next()).value)?.[1]);
  const outputs: string[] = [];
  for (let attempt = 0; attempt < 2; attempt++) {
    const { code, stdout } = await run("client.ts", port).output();
    assertEquals(code, 0);
    outputs.push(new TextDecoder().decode(stdout));
  }
  assertEquals(outputs[0]!.split("\n").length, 11);
  assertEquals(outputs[1], outputs[0]);
  await using client = createClient(Bank, { port });
  const payment = { to: "bob", cents: 5 };
  const receipt = await client.remote.pay(payment);
  assertEquals(receipt.startsWith("5 cents paid to bob as /pay/"), true);
  await client.close();
  server.kill("SIGTERM");
  assertEquals((await server.status).code, 0);
  assertEquals(await new Response(server.stderr).text(), "");
  await output.return?.();
});

// Invariants 11 and 12, traps 19 to 24. `deno task payments` runs 10,000.
Deno.test("payments run at most once, and every outcome is delivered or maybe, under kills of clients and servers", async () => {
  const result = await trial({ payments: 400, crashes: 5, clientKills: 4 });
  console.log(JSON.stringify(result));
  assertEquals(result.violations, []);
  assertEquals(result.clientKills, 4);
  for (const [point, count] of Object.entries(result.crashes)) {
    assertEquals(count > 0, true, `a server has crashed between ${point}`);
  }
});
