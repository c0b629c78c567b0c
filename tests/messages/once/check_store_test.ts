import { assertEquals, assertThrows } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { MAX_KEY } from "../../../lib/messages/session/wire/once_field.ts";
import { createServer, serve } from "../../../lib/messages/server/server.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import type {
  OnceReservation,
  OnceStore,
} from "../../../lib/messages/once/once_store.ts";
import { encodeOutcome } from "../../../lib/messages/once/outcome.ts";
import { failureOf, incidents } from "../kit.ts";

const Bank = protocol({
  name: "bank",
  server: { pay: unary<number, string>({ once: true }) },
});
const handlers = { pay: () => "receipt" };

/** Returns a store that answers every call alike. */
function store(reserve: OnceStore["reserve"]): OnceStore {
  return { id: "one", reserve, settle() {}, renew() {}, release() {} };
}

/** Returns an outcome as bytes. */
function outcome(kind: number): Uint8Array {
  return encodeOutcome({ kind, codec: "msgpack", body: Uint8Array.of(0, 0) });
}

const FULL = store(() => ({ state: "full" }));

Deno.test("values that are not stores are rejected, and the error says why", () => {
  const cases: [unknown, string][] = [
    [null, 'null as option "once"'],
    [true, "a value of type boolean"],
    [{}, "a value of type object"],
    [() => FULL, "a function"],
    [{ ...FULL, id: 7 }, "a value of type object"],
    [{ ...FULL, id: "" }, "whose id has 0 bytes"],
    [{ ...FULL, release: undefined }, "without release()"],
    [{ ...FULL, lease: 0 }, "whose lease is 0"],
    [{ ...FULL, lease: NaN }, "whose lease is NaN"],
    [{ ...FULL, lease: 1.5 }, "whose lease is 1.5"],
    [{ ...FULL, timeout: 0 }, "whose timeout is 0"],
  ];
  for (const [once, message] of cases) {
    const options = { once: once as OnceStore }; // wrong on purpose
    assertThrows(
      () => createServer(Bank, options).handle(handlers),
      Error,
      message,
    );
  }
});

Deno.test("an answer that is not a reservation fails the call, and is reported", async () => {
  const cases: [unknown, string][] = [
    [undefined, '"state" is new'],
    [{ state: "fresh" }, '"state" is new'],
    [{ state: "new" }, '"fence"'],
    [{ state: "done" }, '"outcome"'],
    [{ state: "done", outcome: "receipt" }, '"outcome"'],
    [{ state: "done", outcome: new Uint8Array() }, "settle() has received"],
    [{ state: "done", outcome: outcome(0x99) }, "settle() has received"],
  ];
  for (const [answer, message] of cases) {
    const { list, onError } = incidents();
    const once = store(() => answer as OnceReservation); // wrong on purpose
    const address = { memory: crypto.randomUUID() };
    await using server = await serve(Bank, address, { once, onError })
      .handle(handlers);
    await using session = await connect(Bank, server.addr);
    const error = await failureOf(session.remote.pay(5, { key: "a" }));
    assertEquals([error.code, error.processed], ["outcome-lost", "maybe"]);
    assertEquals(list.map(({ method }) => method), ["pay"]);
    assertEquals(String(list[0]?.error).includes(message), true);
  }
});

Deno.test("a store is accepted at the limits of its times and its id, exactly", () => {
  const make = (changes: object) => {
    const options = { once: { ...FULL, ...changes } as OnceStore }; // the test changes its members
    createServer(Bank, options).handle(handlers);
  };
  const ms = 2 ** 31 - 1;
  const accepted = [
    ...[{ lease: 1 }, { lease: ms }, { timeout: 1 }, { timeout: ms }],
    ...[{ id: "x" }, { id: "x".repeat(MAX_KEY) }, {
      id: "é".repeat(MAX_KEY / 2),
    }],
  ];
  for (const changes of accepted) make(changes);
  const rejected = [
    ...[{ lease: ms + 1 }, { timeout: ms + 1 }],
    ...[{ id: "x".repeat(MAX_KEY + 1) }, { id: "é".repeat(MAX_KEY / 2 + 1) }],
  ];
  for (const changes of rejected) {
    assertThrows(() => make(changes), Error, "Cannot use a store of outcomes");
  }
});
