import { assert, assertEquals } from "@std/assert";
import { replaceAddresses } from "../../../lib/messages/client/endpoint_source.ts";
import {
  AddressList,
  type ListedAddress,
} from "../../../lib/messages/client/address_list.ts";

function list(...names: string[]): AddressList<string> {
  return new AddressList(names.map((name) => ({ address: name, name })));
}

/** Takes an address that permits an attempt. */
function take(addresses: AddressList<string>, now = 0): ListedAddress<string> {
  const taken = addresses.take(now);
  assert(typeof taken !== "number");
  return taken;
}

Deno.test("an address that failed follows the others", () => {
  const addresses = list("a", "b", "c");
  const used = Array.from({ length: 4 }, () => {
    const taken = take(addresses);
    addresses.leave(taken, 0);
    return taken.name;
  });
  assertEquals(used, ["a", "b", "c", "a"]);
});

Deno.test("no address is used before its retry-after", () => {
  const addresses = list("a", "b");
  addresses.leave(take(addresses), 5_000);
  const b = take(addresses);
  assertEquals(b.name, "b");
  addresses.leave(b, 3_000);
  assertEquals([addresses.take(1_000), addresses.wait(1_000)], [2_000, 2_000]);
  assertEquals(addresses.wait(9_000), 0);
  assertEquals(take(addresses, 3_000).name, "b");
  assertEquals(take(addresses, 6_000).name, "a");
});

Deno.test("several slots use different addresses", () => {
  const addresses = list("a", "b", "c");
  const taken = [1, 2, 3, 4].map(() => take(addresses));
  assertEquals(taken.map(({ name }) => name), ["a", "b", "c", "a"]);
});

Deno.test("a slot does not return to an address that failed while others are up", () => {
  const addresses = list("a", "b", "c");
  for (const name of ["a", "b", "c"]) {
    const taken = take(addresses);
    assertEquals(taken.name, name);
    if (name !== "b") addresses.opened(taken);
    else addresses.leave(taken, 0); // it is down
  }
  assertEquals(take(addresses).name, "a");
});

Deno.test("a client is refused once every address has refused it", () => {
  const addresses = list("a", "b");
  const [a, b] = ["a", "b"].map(() => {
    const taken = take(addresses);
    addresses.leave(taken, 0);
    return taken;
  });
  assertEquals(addresses.refused(a!), false);
  addresses.opened(a!);
  assertEquals(addresses.refused(b!), false);
  assertEquals(addresses.refused(a!), true);
});

Deno.test("refusals before the last session do not count", () => {
  const addresses = list("a", "b");
  const [a, b] = ["a", "b"].map(() => take(addresses));
  assertEquals(addresses.refused(a!), false);
  addresses.opened(b!); // b takes the client for a day
  assertEquals(addresses.refused(b!), false); // and a may do so by now
  assertEquals(addresses.refused(a!), true);
});

Deno.test("a list that changes keeps what is known of its addresses", () => {
  const addresses = list();
  assertEquals([addresses.take(0), addresses.wait(0)], [Infinity, Infinity]);
  const named = (...names: string[]) =>
    names.map((name) => ({ address: name, name }));
  replaceAddresses(addresses, named("a", "b", "c"));
  const a = take(addresses);
  addresses.leave(take(addresses), 5_000);
  replaceAddresses(addresses, named("c", "b", "d")); // b still wants no attempt
  assertEquals([addresses.find("a"), addresses.size], [undefined, 3]);
  addresses.leave(a, 0); // has no effect on the others
  assertEquals(addresses.refused(a), false);
  assertEquals([1, 2, 3].map(() => take(addresses).name), ["c", "d", "c"]);
  assertEquals(take(addresses, 5_000).name, "b");
});

Deno.test("an address that was left has one user less", () => {
  const addresses = list("a", "b");
  const [a, b, again] = [1, 2, 3].map(() => take(addresses));
  assertEquals([a!.name, b!.name, again!.name], ["a", "b", "a"]);
  for (const listed of [a!, again!]) {
    addresses.leave(listed, 0);
    addresses.opened(listed); // it no longer counts as left
  }
  const names = [1, 2, 3].map(() => take(addresses).name);
  assertEquals(names, ["a", "b", "a"], "a has none, b has one");
});
