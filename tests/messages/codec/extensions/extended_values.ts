/**
 * Values of extensions, and the bodies that they have.
 *
 * @module
 */
import type { CodecExtension } from "../../../../lib/messages/codec/extensions/extension.ts";
import {
  bigints,
  byteArrays,
  dates,
  errors,
  extension,
  largeBigints,
  maps,
  regexps,
  sets,
  specialNumbers,
  typedArrays,
  undefineds,
  urls,
} from "../../../../lib/messages/codec/extensions/mod.ts";

/** A class of the program. */
export class Money {
  constructor(readonly cents: number, readonly currency: string) {}
}

/** Extension for `Money`, which checks the payload. */
export const money = extension({
  name: "money",
  type: Money,
  encode: ({ cents, currency }) => [cents, currency],
  decode(payload) {
    const [cents, currency] = Array.isArray(payload) ? payload : [];
    if (!Number.isSafeInteger(cents) || typeof currency !== "string") {
      throw new TypeError("not an amount of money");
    }
    return new Money(cents, currency);
  },
});

/** Extensions, a value, its JSON, and its MessagePack in hexadecimal. */
export type ExtensionVector = readonly [
  extensions: readonly CodecExtension[],
  value: unknown,
  text: string,
  packed: string,
];

/** The vectors of `PROTOCOL.md`, and more. */
export const VECTORS: readonly ExtensionVector[] = [
  [[maps], new Map(), '{"$":["map",[]]}', "81a12492a36d617090"],
  [
    [maps],
    new Map<unknown, unknown>([["a", 1], [2, null]]),
    '{"$":["map",["a",1,2,null]]}',
    "81a12492a36d617094a1610102c0",
  ],
  [
    [sets, maps],
    { seen: new Set([new Map([[1, 2]])]) },
    '{"seen":{"$":["set",[{"$":["map",[1,2]]}]]}}',
    "81a47365656e81a12492a37365749181a12492a36d6170920102",
  ],
  [
    [urls],
    new URL("HTTP://a.example/b?c#d"),
    '{"$":["url","http://a.example/b?c#d"]}',
    "81a12492a375726cb6687474703a2f2f612e6578616d706c652f623f632364",
  ],
  [
    [errors],
    new RangeError("r", { cause: 1 }),
    '{"$":["error",{"type":"RangeError","message":"r","cause":1}]}',
    "81a12492a56572726f7283a474797065aa52616e67654572726f72a76d657373616765a172a5636175736501",
  ],
  [
    [regexps],
    /a+/gi,
    '{"$":["regexp",["a+","gi"]]}',
    "81a12492a672656765787092a2612ba26769",
  ],
  [[dates], new Date(-1), '{"$":["date",-1]}', "81a12492a464617465ff"],
  [
    [bigints],
    -31n,
    '{"$":["bigint","-0x1f"]}',
    "81a12492a6626967696e74a52d30783166",
  ],
  [
    [largeBigints],
    2n ** 64n,
    '{"$":["bigint","0x10000000000000000"]}',
    "81a12492a6626967696e74b33078" + "31" + "30".repeat(16),
  ],
  [
    [undefineds],
    [undefined],
    '[{"$":["undefined",null]}]',
    "9181a12492a9756e646566696e6564c0",
  ],
  [
    [specialNumbers],
    -0,
    '{"$":["number","-0"]}',
    "81a12492a66e756d626572a22d30",
  ],
  [
    [specialNumbers],
    NaN,
    '{"$":["number","NaN"]}',
    "81a12492a66e756d626572a34e614e",
  ],
  [
    [byteArrays],
    Uint8Array.of(0, 255),
    '{"$":["bytes","AP8="]}',
    "81a12492a56279746573a44150383d",
  ],
  [
    [typedArrays, byteArrays],
    Uint16Array.of(258),
    '{"$":["typed",["Uint16Array",{"$":["bytes","AgE="]}]]}',
    "81a12492a5747970656492ab55696e74313641727261798" +
    "1a12492a56279746573a44167453d",
  ],
  [
    [money],
    new Money(5, "EUR"),
    '{"$":["money",[5,"EUR"]]}',
    "81a12492a56d6f6e65799205a3455552",
  ],
  [[money], { $: 1 }, '{"$":[1]}', "81a1249101"],
  [
    [money],
    { $: { $: [new Money(5, "EUR")] } },
    '{"$":[{"$":[[{"$":["money",[5,"EUR"]]}]]}]}',
    "81a1249181a1249191" + "81a12492a56d6f6e65799205a3455552",
  ],
  [[money], { $: 1, a: 2 }, '{"$":1,"a":2}', "82a12401a16102"],
];
