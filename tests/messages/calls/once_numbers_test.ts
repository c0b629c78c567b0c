import { assertEquals, assertThrows } from "@std/assert";
import { OnceIdentity } from "../../../lib/messages/calls/once_identity.ts";
import { OnceNumbers } from "../../../lib/messages/calls/once_numbers.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { Feature } from "../../../lib/messages/session/wire/features.ts";
import {
  putFields,
  readFields,
  requestFields,
} from "../../../lib/messages/session/wire/fields.ts";

const HERE = { store: "here", time: 1_000 };

/** Returns the identity that an attempt sends. */
function sent(identity: OnceIdentity, outcomes = HERE, input: unknown = 1) {
  const fields = identity.fields("pay", input, json(), outcomes);
  const bytes = new Uint8Array(2 + fields.length);
  putFields(bytes, 0, Infinity, fields);
  const types = requestFields(Feature.ONCE);
  const { once, key } = readFields(bytes, 0, bytes.length, types, 0);
  return { ...once!, key }; // it has ONCE
}

Deno.test("calls are numbered, and say up to which number all are over", () => {
  const numbers = new OnceNumbers();
  const calls = [1, 2, 3].map(() => numbers.next(""));
  assertEquals(calls.map(({ identity }) => sent(identity).number), [1, 2, 3]);
  calls[1]!.over();
  assertEquals(sent(numbers.next("").identity).seen, 0);
  calls[0]!.over();
  assertEquals(sent(numbers.next("").identity).seen, 2);
  assertEquals(sent(calls[2]!.identity).seen, 2); // also in a repeat
});

Deno.test("a call that runs for long does not keep the outcomes of 256 others", () => {
  const numbers = new OnceNumbers();
  const first = numbers.next("");
  const client = sent(first.identity).client;
  for (let count = 1; count < 256; count++) numbers.next("").over();
  const other = sent(numbers.next("").identity);
  assertEquals([other.client === client, other.number], [false, 1]);
  first.over();
  const next = sent(numbers.next("").identity);
  assertEquals([next.client, next.number, next.seen], [client, 257, 256]);
});

Deno.test("clients have different ids", () => {
  const ids = [1, 2].map(() =>
    sent(new OnceNumbers().next("").identity).client
  );
  assertEquals(ids[0]!.length, 32);
  assertEquals(ids[0] === ids[1], false);
});

Deno.test("a key needs no number, and the next call gets the first one", () => {
  const numbers = new OnceNumbers();
  const keyed = numbers.next("order-17");
  const { client, number, seen, key } = sent(keyed.identity);
  assertEquals([client, number, seen, key], ["0".repeat(32), 0, 0, "order-17"]);
  keyed.over();
  assertEquals(sent(numbers.next("").identity).number, 1);
});

Deno.test("all attempts have the digest and the time of the first", () => {
  const { identity } = new OnceNumbers().next("");
  const first = sent(identity);
  assertEquals(first.created, 1_000);
  assertEquals(sent(identity, { store: "here", time: 2_000 }, 2), first);
});

Deno.test("an attempt that may have run is not repeated with another store", () => {
  const { identity } = new OnceNumbers().next("");
  sent(identity);
  const error = assertThrows(
    () => sent(identity, { store: "there", time: 5 }),
    CallError,
  );
  assertEquals([error.code, error.processed], ["outcome-lost", "maybe"]);
  identity.notRun();
  assertEquals(sent(identity, { store: "there", time: 5 }).created, 5);
});

Deno.test("a server that does not name its store gets the first attempt only", () => {
  const identity = new OnceIdentity("order-17");
  identity.fields("pay", 1, json(), undefined);
  assertThrows(() => sent(identity), CallError);
  assertThrows(() => identity.fields("pay", 1, json(), undefined), CallError);
});
