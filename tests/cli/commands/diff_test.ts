import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { connectTo, runCli } from "../kit.ts";
import { Shop, shop } from "../shop.ts";

function diff(
  module: Record<string, unknown>,
  flags: string[] = [],
  isTTY = false,
) {
  const { server } = shop();
  return runCli(["diff", "tcp://test:1", "shop.ts", ...flags], {
    connect: connectTo(server),
    modules: { "shop.ts": module },
    isTTY,
  });
}

Deno.test("diff ends with 0 if the protocols agree", async () => {
  const { code, stdout, stderr } = await diff({ Shop, other: 1 });
  assertEquals([code, stdout], [0, ""]);
  assertStringIncludes(stderr, "no difference in shop");
});

Deno.test("diff prints each difference and ends with 4", async () => {
  const Old = protocol({
    name: "shop",
    server: {
      price: serverStream<string, number>(),
      gone: unary<string, string>(),
    },
  });
  const { code, stdout } = await diff({ Old });
  assertEquals(code, 4);
  const found = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    found.slice(0, 2).map(({ name, kind }) => [name, kind]),
    [["gone", "missing"], ["price", "shape"]],
  );
  assertStringIncludes((await diff({ Old }, [], true)).stdout, "server lacks");
});

Deno.test("diff says which export it needs", async () => {
  const Other = protocol({ name: "other", server: {} });
  for (
    const [module, flags, text] of [
      [{ a: 1 }, [], "exports no protocol"],
      [{ Shop, Other }, [], "several protocols: Shop, Other"],
      [{ Shop }, ["--export", "X"], "named X"],
    ] as const
  ) {
    const { code, stderr } = await diff(module, [...flags]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, text);
  }
  assertEquals((await diff({ Shop, Other }, ["--export", "Shop"])).code, 0);
});
