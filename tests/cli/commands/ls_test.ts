import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describeProtocol } from "../../../lib/messages/introspection/describe_protocol.ts";
import { connectTo, runCli, type Surroundings } from "../kit.ts";
import { Shop, shop } from "../shop.ts";

function ls(args: string[] = [], more: Surroundings = {}) {
  const { server } = shop();
  return runCli(["ls", "tcp://test:1", ...args], {
    connect: connectTo(server),
    ...more,
  });
}

Deno.test("ls lists names, shapes and descriptions", async () => {
  const { code, stdout } = await ls([], { isTTY: true });
  assertEquals(code, 0);
  assertStringIncludes(stdout, "price");
  assertStringIncludes(stdout, "Price of an article");
  assertStringIncludes(stdout, "(client) news");
  const piped = await ls();
  const found = piped.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    found.find(({ name }) => name === "room.upper").shape,
    "duplex",
  );
  // A timeout that is not declared is left out.
  assertEquals(
    `${piped.stdout}${(await ls(["--json"])).stdout}`.includes("$undefined"),
    false,
  );
});

Deno.test("ls describes one method", async () => {
  const { stdout } = await ls(["price"], { isTTY: true });
  assertStringIncludes(
    stdout,
    "unary<{ sku: string; count?: number }, { cents: number }",
  );
  assertStringIncludes(stdout, "idempotent");
  assertStringIncludes(stdout, "error: unknownSku");
  assert(!stdout.includes("timeout"));
  assertEquals((await ls(["prices"])).code, 67);
  const limited = await ls(["wait"], { isTTY: true });
  assertStringIncludes(limited.stdout, "timeout: 60000 ms");
});

Deno.test("ls --template prints an input to edit", async () => {
  const { stdout } = await ls(["price", "--template"]);
  assertEquals(JSON.parse(stdout), { sku: "", count: 0 });
  assertEquals((await ls(["--template"])).code, 2);
});

Deno.test("ls --json prints the schemas", async () => {
  const { stdout } = await ls(["price", "--json"]);
  assertEquals(JSON.parse(stdout).schemas.input.type, "object");
});

Deno.test("ls --ts prints a protocol that has the same methods", async () => {
  const { stdout } = await ls(["--ts"]);
  const builders = await import(
    "../../../lib/messages/protocol/method_builders.ts"
  );
  const { protocol } = await import(
    "../../../lib/messages/protocol/protocol.ts"
  );
  assertStringIncludes(stdout, "export const ShopIntrospection = protocol({");
  const source = stdout.replace(/^import .*$/m, "")
    .replace(/export const \w+ =/, "return")
    .replace(
      /(unary|notification|serverStream|clientStream|duplex)<[^\n]*>\(/g,
      "$1(",
    );
  const { unary, notification, serverStream, clientStream, duplex } = builders;
  const made = new Function(
    ...["protocol", "unary", "notification", "serverStream", "clientStream"],
    "duplex",
    source,
  )(protocol, unary, notification, serverStream, clientStream, duplex);
  const methods = (description: ReturnType<typeof describeProtocol>) =>
    [...description.server, ...description.client]
      .filter(({ name }) => !name.startsWith("introspection."))
      .map(({ name, shape, description }) => [name, shape, description]);
  assertEquals(
    methods(describeProtocol(made)),
    methods(describeProtocol(Shop)),
  );
});
