import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connectTo, runCli, type Surroundings, waitsAfter } from "../kit.ts";
import {
  Health,
  healthHandlers,
} from "../../../lib/messages/health/health_service.ts";
import {
  introspect,
  Introspection,
} from "../../../lib/messages/introspection/introspection_service.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { shop } from "../shop.ts";

/** Runs commands against one server. */
function withShop(options: { authenticate?: boolean } = {}) {
  const { server, seen } = shop(options);
  const cli = (args: string[], more: Surroundings = {}) =>
    runCli(args, { connect: connectTo(server), ...more });
  const call = (method: string, ...rest: string[]) =>
    cli(["call", "tcp://test:1", method, ...rest]);
  return { server, seen, cli, call };
}

Deno.test("call prints the result of a unary method", async () => {
  const { call, seen } = withShop();
  const result = await call("price", '{"sku":"tea"}', "-H", "locale: en");
  assertEquals(result, {
    ...result,
    code: 0,
    stdout: '{"cents":300}\n',
    stderr: "",
  });
  assertEquals(seen.metadata, [{ locale: "en" }]);
});

Deno.test("call sends and prints values that JSON lacks", async () => {
  const { call } = withShop();
  const json =
    '[{"$bigint":"9007199254740993"},{"$bytes":"AQ=="},{"$date":"1970-01-01T00:00:00.000Z"},{"$undefined":true},{"$$a":1}]';
  const { stdout, code } = await call("echo", json);
  assertEquals([code, stdout], [0, `${json}\n`]);
});

Deno.test("call reads its input from a file and from standard input", async () => {
  const { cli } = withShop();
  const args = ["call", "tcp://test:1", "echo"];
  const file = await cli([...args, "@in.json"], {
    files: { "in.json": "[1]" },
  });
  assertEquals(file.stdout, "[1]\n");
  const stdin = await cli([...args, "-"], { stdin: " [2]\n" });
  assertEquals(stdin.stdout, "[2]\n");
  assertEquals((await cli([...args, "@missing"])).code, 2);
  assertEquals((await cli([...args, "tea"])).code, 2);
});

Deno.test("call ends with 64 and the number of the error's code", async () => {
  const { call } = withShop();
  const declared = await call("price", '{"sku":"milk"}');
  assertEquals([declared.code, declared.stdout], [64, ""]);
  assertStringIncludes(
    declared.stderr,
    "declared error unknownSku: no article",
  );
  assertStringIncludes(declared.stderr, 'data: {"sku":');
  const deadline = await call("wait", "--timeout", "20ms");
  assertEquals(deadline.code, 66);
  assertEquals((await call("nothing")).code, 67);
  assertStringIncludes((await call("pric")).stderr, 'did you mean "price"');
  assertEquals((await call("price", "{}")).code, 68);
  const internal = await call("crash");
  assertEquals(internal.code, 69);
  assertStringIncludes(internal.stderr, "(incident ");
  assert(!internal.stderr.includes("secret"), internal.stderr);
});

Deno.test("call --count and --first end with 0 and cancel the stream once", async () => {
  for (const flag of [["--count", "2"], ["--first"]]) {
    const { call, seen, server } = withShop();
    const { code, stdout, stderr } = await call("quotes", ...flag);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout.trim().split("\n").length, flag.length);
    assertStringIncludes(stdout, '{"bid":0,"at":{"$date":');
    await server.shutdown();
    assertEquals(seen.cancelled, 1);
  }
});

Deno.test("call --wait and --for end with 0, an error of the stream does not", async () => {
  const { call, cli } = withShop();
  const endless = [
    "call",
    "tcp://test:1",
    "room.upper",
    "-",
    "--shape",
    "duplex",
  ];
  const stdin = pausing(["a", "b"]);
  const { code, stdout } = await cli([...endless, "--wait", "5s"], {
    stdin,
    ...waitsAfter(2),
  });
  assertEquals([code, stdout], [0, '"A"\n"B"\n']);
  const timed = await cli([...endless, "--for", "5s"], {
    stdin: pausing(["c"]),
    ...waitsAfter(1),
  });
  assertEquals([timed.code, timed.stdout], [0, '"C"\n']);
  const failed = await call("fails");
  assertEquals([failed.code, failed.stdout], [69, "1\n"]);
});

/** Yields lines of JSON, then waits for ever. */
async function* pausing(values: unknown[]): AsyncGenerator<Uint8Array> {
  for (const value of values) {
    yield new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  }
  await new Promise(() => {});
}

Deno.test("call sends the lines of its input as items", async () => {
  const { cli } = withShop();
  const sum = await cli(["call", "tcp://test:1", "sum", "-"], {
    stdin: "1\n\n2\r\n3",
  });
  assertEquals([sum.code, sum.stdout], [0, "6\n"]);
  const upper = await cli(["call", "tcp://test:1", "room.upper", "@in"], {
    files: { in: '"a"\n"b"\n' },
  });
  assertEquals([upper.code, upper.stdout], [0, '"A"\n"B"\n']);
  const bad = await cli(["call", "tcp://test:1", "sum", "-"], {
    stdin: "1\nx\n",
  });
  assertEquals(bad.code, 2);
  assertStringIncludes(bad.stderr, "standard input, line 2");
});

Deno.test("call sends a notification before it ends", async () => {
  const { call, seen, server } = withShop();
  assertEquals((await call("log", "[1]")).code, 0);
  await server.shutdown();
  assertEquals(seen.log, [[1]]);
});

Deno.test("call --format json makes one document of a stream", async () => {
  const { call } = withShop();
  const all = await call("quotes", '{"count":2}', "--format", "json");
  assertEquals(JSON.parse(all.stdout).length, 2);
  const none = await call("quotes", '{"count":0}', "--format", "json");
  assertEquals(none.stdout, "[]\n");
});

Deno.test("call stops with 130 when it is interrupted", async () => {
  const { cli, seen, server } = withShop();
  const interrupt = new AbortController();
  const { code, stdout } = await cli(["call", "tcp://test:1", "quotes"], {
    interrupted: interrupt.signal,
    onOutput: () => interrupt.abort(),
  });
  assertEquals(code, 130);
  assert(stdout.startsWith('{"bid":0'));
  await server.shutdown();
  assertEquals(seen.cancelled, 1);
});

Deno.test("a closed pipe cancels the stream and ends with 0", async () => {
  const { cli, seen, server } = withShop();
  const broken = Object.assign(new Error("broken"), { name: "BrokenPipe" });
  let writes = 0;
  const { code, stderr } = await cli(["call", "tcp://test:1", "quotes"], {
    onOutput() {
      if (++writes > 1) throw broken;
    },
  });
  assertEquals([code, stderr], [0, ""]);
  await server.shutdown();
  assertEquals(seen.cancelled, 1);
});

Deno.test("a peer's text cannot act on a terminal", async () => {
  const { call, cli } = withShop();
  const text = JSON.stringify("\x1b]0;x\x07\u202e");
  const shown = await cli(["call", "tcp://test:1", "echo", text], {
    isTTY: true,
    color: true,
  });
  assertEquals(shown.stdout, '"\\u001b]0;x\\u0007\\u202e"\n');
  const { stderr } = await call("price", '{"sku":"\\u001b[2J"}');
  assertEquals(/[^\P{C}\n]/u.test(stderr), false, stderr);
  const raw = await call("echo", text, "--format", "raw");
  assertEquals(raw.stdout, "\x1b]0;x\x07\u202e\n");
});

Deno.test("call takes credentials from a file, a variable or standard input", async () => {
  const { cli } = withShop({ authenticate: true });
  const args = ["call", "tcp://test:1", "echo", "1", "--credentials"];
  for (
    const [from, more] of [
      ["@key", { files: { key: "secret\n" } }],
      ["env:KEY", { env: { KEY: '"secret"' } }],
      ["-", { stdin: "secret" }],
    ] as const
  ) {
    const { code, stdout } = await cli([...args, from], more);
    assertEquals([code, stdout], [0, "1\n"], from);
  }
  const argument = await cli([...args, "secret"]);
  assertEquals(argument.code, 2);
  assertStringIncludes(argument.stderr, "env:NAME");
  const wrong = await cli([...args, "env:KEY"], { env: { KEY: "guess" } });
  assertEquals(wrong.code, 3);
  assertStringIncludes(wrong.stderr, "step auth");
  assertStringIncludes(wrong.stderr, "wrong password");
  assert(!wrong.stderr.includes("guess"));
});

Deno.test("call --shape works without introspection, and its absence is explained", async () => {
  const { createServer } = await import(
    "../../../lib/messages/server/server.ts"
  );
  const { protocol } = await import(
    "../../../lib/messages/protocol/protocol.ts"
  );
  const { unary } = await import(
    "../../../lib/messages/protocol/method_builders.ts"
  );
  const Plain = protocol({
    name: "plain",
    server: { echo: unary<unknown, unknown>() },
  });
  const server = createServer(Plain).handle({ echo: (value) => value });
  const connect = connectTo(server);
  const args = ["call", "tcp://test:1", "echo", "1"];
  const without = await runCli(args, { connect });
  assertEquals(without.code, 4);
  assertStringIncludes(without.stderr, "--shape");
  const named = await runCli([...args, "--shape", "unary"], { connect });
  assertEquals(named.stdout, "1\n");
});

Deno.test("call knows the methods of operators, which a server may not describe", async () => {
  const Own = protocol({ name: "own", server: { ping: unary() } });
  const server = createServer(mergeProtocols(Own, Introspection, Health))
    .handle({ ping() {}, ...introspect(Own), ...healthHandlers() });
  const call = (...args: string[]) =>
    runCli(["call", "tcp://test:1", ...args], { connect: connectTo(server) });
  const health = await call("health.check", '{"service":""}');
  assertEquals(health.stdout, '{"status":"serving"}\n', health.stderr);
  const described = await call("introspection.describe");
  assertEquals(JSON.parse(described.stdout).name, "own");
  assertEquals((await call("operations.server")).code, 67); // not served
  assertStringIncludes(
    (await call("helth.check")).stderr,
    'did you mean "health.check"',
  );
});
