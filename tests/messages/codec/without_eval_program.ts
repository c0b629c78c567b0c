/**
 * Encodes and decodes without permissions, with code generation from strings
 * disabled in V8, and counts attempts to generate code.
 *
 * With the argument `control` it decodes records with msgpackr's main bundle,
 * which does generate code. This proves that the program detects attempts.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";

let asked = 0;
const RealFunction = Function;
globalThis.Function = new Proxy(RealFunction, {
  construct(target, args) {
    asked++;
    return Reflect.construct(target, args);
  },
  apply(target, self, args) {
    asked++;
    return Reflect.apply(target, self, args);
  },
});

const RECORD = [0xd4, 0x72, 0x40, 0x92, 0xa1, 0x61, 0xa1, 0x62, 1, 2];
/** An array of a record definition and 100 uses of it. */
const RECORDS = Uint8Array.of(
  0xdc,
  0,
  101,
  ...RECORD,
  ...Array.from({ length: 100 }, () => [0x40, 1, 2]).flat(),
);

assertThrows(() => new RealFunction("return 1")(), EvalError);
if (Deno.args[0] === "control") {
  const { Unpackr } = await import("msgpackr/unpack");
  for (let round = 0; round < 10; round++) {
    new Unpackr({ useRecords: false }).unpack(RECORDS);
  }
} else {
  const { CodecError, json, msgpack } = await import(
    "../../../lib/messages/mod.ts"
  );
  const value = {
    id: 7,
    text: "é".repeat(100),
    at: new Date(5),
    list: [1n, undefined, new Uint8Array(3)],
  };
  const codec = msgpack();
  const plain = json();
  for (let round = 0; round < 100; round++) {
    assertEquals(codec.decode(codec.encode(value)), value);
    assertEquals(plain.decode(plain.encode({ round })), { round });
    for (const body of [RECORDS, Uint8Array.from(RECORD)]) {
      assertThrows(() => codec.decode(body), CodecError, "extension type 114");
    }
    // Small integers, which msgpackr reads as records once a record was defined.
    assertEquals(codec.decode(Uint8Array.of(0x92, 0x40, 0x41)), [64, 65]);
  }
}
console.log(`asked for code ${asked === 0 ? "never" : "sometimes"}`);
