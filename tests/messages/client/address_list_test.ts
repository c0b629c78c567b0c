import { assertEquals, assertThrows } from "@std/assert";
import { AddressList } from "../../../lib/messages/client/address_list.ts";

function list(...names: string[]): AddressList<string> {
  return new AddressList(names.map((name) => ({ address: name, name })));
}

Deno.test("an address that failed follows the others", () => {
  const addresses = list("a", "b", "c");
  const used = Array.from({ length: 4 }, () => {
    const { listed } = addresses.next(0);
    addresses.leave(listed, 0);
    return listed.name;
  });
  assertEquals(used, ["a", "b", "c", "a"]);
});

Deno.test("no address is used before its retry-after", () => {
  const addresses = list("a", "b");
  addresses.leave(addresses.next(0).listed, 5_000);
  assertEquals(addresses.next(0).listed.name, "b");
  addresses.leave(addresses.next(0).listed, 3_000);
  const { listed, wait } = addresses.next(1_000);
  assertEquals([listed.name, wait], ["b", 2_000]);
  assertEquals(addresses.next(3_000).wait, 0);
  assertEquals(addresses.next(6_000).listed.name, "a");
});

Deno.test("a client is refused once every address has refused it", () => {
  const addresses = list("a", "b");
  const [a, b] = ["a", "b"].map(() => {
    const { listed } = addresses.next(0);
    addresses.leave(listed, 0);
    return listed;
  });
  assertEquals(addresses.refused(a!), false);
  addresses.opened(a!);
  assertEquals(addresses.refused(b!), false);
  assertEquals(addresses.refused(a!), true);
});

Deno.test("an empty list is rejected", () => {
  assertThrows(() => list(), RangeError, "the list of addresses is empty");
});
