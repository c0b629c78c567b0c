import { testPair } from "@lengthwise/lengthwise/testing";
import { assertEquals } from "@std/assert";
import { handlers } from "./handlers.ts";
import { Shop } from "./shop.ts";

Deno.test("price() returns the price", async () => {
  await using pair = await testPair(Shop).handle(handlers);
  const { remote } = pair.session;
  assertEquals(await remote.price({ sku: "A-1" }), { cents: 300 });
});
