/**
 * The client of the Redis example against Redis.
 *
 * @module
 */
import { checkFraming } from "@lengthwise/lengthwise/testing";
import { assertEquals, assertRejects } from "@std/assert";
import { RedisClient, resp } from "../../../examples/redis/client.ts";
import { output } from "./programs.ts";
import { startRedis } from "./redis_server.ts";

Deno.test("the Redis example's framing passes checkFraming()", () => {
  const samples = [
    "+OK\r\n",
    "$3\r\na\r\n\r\n",
    "$-1\r\n",
    "*2\r\n",
    ":-7\r\n",
  ];
  checkFraming(resp, samples.map((text) => new TextEncoder().encode(text)));
});

Deno.test("the Redis example runs commands of Redis", async (t) => {
  await using server = await startRedis();
  const address = { hostname: "127.0.0.1", port: server.port };

  await t.step("command() receives every form of reply", async () => {
    await using client = await RedisClient.connect(address);
    assertEquals(await client.command("SET", "a\r\n", "Grüße\r\n"), "OK");
    assertEquals(await client.command("GET", "a\r\n"), "Grüße\r\n");
    assertEquals(await client.command("GET", "missing"), null);
    assertEquals(await client.command("STRLEN", "a\r\n"), 9);
    assertEquals(await client.command("MGET", "a\r\n", "no"), [
      "Grüße\r\n",
      null,
    ]);
    await assertRejects(() => client.command("NO"), Error, "unknown command");
    const script = "return {1, {'x'}, redis.error_reply('no')}";
    const reply = await client.command("EVAL", script, "0");
    assertEquals(`${reply}`, "1,x,Error: ERR no");
    const long = "x".repeat(3_000_000);
    await client.command("SET", "long", long);
    assertEquals(await client.command("GET", "long") === long, true);
  });

  await t.step("command() can be called 10,000 times at once", async () => {
    await using client = await RedisClient.connect(address);
    const calls = Array.from(
      { length: 10_000 },
      () => client.command("INCR", "n"),
    );
    assertEquals(await Promise.all(calls), calls.map((_, i) => i + 1));
  });

  await t.step("receive() receives published messages", async () => {
    await using reader = await RedisClient.connect(address);
    await using writer = await RedisClient.connect(address);
    const subscribed = await reader.command("SUBSCRIBE", "news");
    assertEquals(subscribed, ["subscribe", "news", 1]);
    assertEquals(await writer.command("PUBLISH", "news", "hello"), 1);
    assertEquals(await reader.receive(), ["message", "news", "hello"]);
  });

  await t.step("main.ts prints the reply", async () => {
    const { code, stdout, stderr } = await output(Deno.execPath(), [
      ...["run", "--frozen", "--no-prompt", "--allow-net=127.0.0.1"],
      ...["examples/redis/main.ts", `${server.port}`, "ECHO", "hi"],
    ]);
    assertEquals({ code, stdout, stderr }, {
      ...{ code: 0, stdout: "hi\n", stderr: "" },
    });
  });
});
