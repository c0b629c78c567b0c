/**
 * The client of the Redis example against Redis.
 *
 * @module
 */
import { checkFraming } from "@lengthwise/lengthwise/testing";
import { connect } from "@lengthwise/lengthwise/transport";
import { assertEquals, assertRejects } from "@std/assert";
import {
  RedisClient,
  type Reply,
  resp,
} from "../../../examples/redis/client.ts";
import { output } from "./programs.ts";
import { startRedis } from "./redis_server.ts";

Deno.test("the Redis example's framing passes checkFraming()", () => {
  const samples = [
    "+OK\r\n",
    "$3\r\na\r\n\r\n",
    "$-1\r\n",
    "*2\r\n",
    ":-7\r\n",
    "_\r\n",
    "!3\r\nERR\r\n",
    "%1\r\n",
  ];
  checkFraming(resp, samples.map((text) => new TextEncoder().encode(text)));
});

Deno.test("the Redis example runs commands of Redis", async (t) => {
  await using server = await startRedis("--enable-debug-command", "yes");
  const address = { hostname: "127.0.0.1", port: server.port };

  await t.step("command() receives every form of reply", async () => {
    await using client = new RedisClient(await connect(address));
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
    await using client = new RedisClient(await connect(address));
    const calls = Array.from(
      { length: 10_000 },
      () => client.command("INCR", "n"),
    );
    assertEquals(await Promise.all(calls), calls.map((_, i) => i + 1));
  });

  for (const version of ["2", "3"]) {
    await t.step(
      `onMessage is called with messages of RESP${version}`,
      async () => {
        await using reader = new RedisClient(await connect(address));
        await using writer = new RedisClient(await connect(address));
        await reader.command("HELLO", version);
        const subscribed = await reader.command("SUBSCRIBE", "news");
        assertEquals(subscribed, ["subscribe", "news", 1]);
        const message = new Promise((resolve) => reader.onMessage = resolve);
        assertEquals(await writer.command("PUBLISH", "news", "hello"), 1);
        assertEquals(await message, ["message", "news", "hello"]);
      },
    );
  }

  await t.step("a message before a reply is not the reply", async () => {
    await using client = new RedisClient(await connect(address));
    await using writer = new RedisClient(await connect(address));
    const messages: Reply[] = [];
    client.onMessage = (message) => messages.push(message);
    await client.command("HELLO", "3");
    await client.command("CLIENT", "TRACKING", "ON");
    for (let i = 0; i < 3; i++) {
      await client.command("GET", "tracked");
      await writer.command("SET", "tracked", `${i}`);
      assertEquals(await client.command("ECHO", `${i}`), `${i}`);
    }
    assertEquals(messages, Array(3).fill(["invalidate", ["tracked"]]));
  });

  await t.step("integers above 2^53 are exact", async () => {
    await using client = new RedisClient(await connect(address));
    await client.command("SET", "large", "-9007199254740991");
    assertEquals(await client.command("DECR", "large"), -9007199254740992n);
    assertEquals(await client.command("DECR", "large"), -9007199254740993n);
    assertEquals(
      await client.command("INCRBY", "large", "3"),
      -9007199254740990,
    );
  });

  await t.step("commands are rejected when the connection ends", async () => {
    await using client = new RedisClient(await connect(address));
    await using other = new RedisClient(await connect(address));
    const id = await client.command("CLIENT", "ID");
    const rejected = assertRejects(
      () => client.command("BLPOP", "nothing", "0"),
      Error,
      "closed the connection",
    );
    await other.command("CLIENT", "KILL", "ID", `${id}`);
    await rejected;
    await assertRejects(() => client.command("GET", "a"), Error);
  });

  await t.step(
    "RESP3 has maps, sets, booleans, doubles, and pushes",
    async () => {
      await using client = new RedisClient(await connect(address));
      const hello = await client.command("HELLO", "3");
      assertEquals(Array.isArray(hello) && hello.indexOf("proto") >= 0, true);
      await client.command("HSET", "map", "a", "1", "b", "");
      assertEquals(await client.command("HGETALL", "map"), ["a", "1", "b", ""]);
      await client.command("SADD", "set", "one");
      assertEquals(await client.command("SMEMBERS", "set"), ["one"]);
      assertEquals(await client.command("GET", "missing"), null);
      for (
        const [script, value] of [
          ["return {double=3.5}", 3.5],
          ["return {double=1/0}", Infinity],
          ["return {big_number='12345678901234567890'}", 12345678901234567890n],
          ["redis.setresp(3); return true", true],
          [
            "return {verbatim_string={format='txt',string='a\\r\\nb'}}",
            "a\r\nb",
          ],
        ] as const
      ) {
        const eval3 = `redis.setresp(3); ${script}`;
        assertEquals(await client.command("EVAL", eval3, "0"), value);
      }
      const subscribed = await client.command("SUBSCRIBE", "news3");
      assertEquals(subscribed, ["subscribe", "news3", 1]);
      const attributed = await client.command("DEBUG", "PROTOCOL", "attrib");
      assertEquals(attributed, "Some real reply following the attribute");
    },
  );

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
