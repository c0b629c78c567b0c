/**
 * Codecs keep no body, target or value after a message, also if it is refused.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assertEquals } from "@std/assert";
import { bytes } from "../../../lib/messages/codec/bytes.ts";
import { json } from "../../../lib/messages/codec/json.ts";
import { msgpack } from "../../../lib/messages/codec/msgpack.ts";
import type { MessageCodec } from "../../../lib/messages/codec/message_codec.ts";

setFlagsFromString("--expose-gc");
const gc: () => void = runInNewContext("gc");

/** Objects that codecs have used, by what they were used for. */
class Used {
  readonly #references: (readonly [what: string, WeakRef<object>])[] = [];
  /** They are still in use. */
  readonly #codecs: MessageCodec[] = [];

  /** Adds an object that a codec has used. */
  add(what: string, codec: MessageCodec, use: () => object): void {
    this.#codecs.push(codec);
    this.#references.push([what, new WeakRef(use())]);
  }

  /** Returns what was not collected. */
  async kept(): Promise<string[]> {
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      gc();
    }
    assertEquals(this.#codecs.length, this.#references.length);
    return this.#references
      .filter(([, reference]) => reference.deref() !== undefined)
      .map(([what]) => what);
  }
}

const LARGE = 2000;
const CODECS: Readonly<Record<string, () => MessageCodec>> = {
  msgpack: () => msgpack(),
  json: () => json(),
  bytes: () => bytes(),
};

/** Values, of which some are refused. */
function valuesOf(codec: string): (() => object)[] {
  if (codec === "bytes") {
    return [() => new Uint8Array(LARGE), () => ({ not: "bytes" })];
  }
  const items = () => Array.from({ length: LARGE }, (_, i) => `${i}`);
  return [
    () => items(),
    () => Object.fromEntries(items().map((name) => [`k${name}`, name])),
    () => [items(), () => {}],
    () => [items(), { nested: new Map() }],
    () => [1],
  ];
}

/** Runs a function; its error is of no interest. */
function attempt(run: () => unknown): void {
  try {
    run();
  } catch { /* a value or body that is refused */ }
}

for (const [name, make] of Object.entries(CODECS)) {
  Deno.test(`${name}() keeps no value, no target and no body`, async () => {
    const used = new Used();
    for (const [index, value] of valuesOf(name).entries()) {
      for (const room of [1, 100 * LARGE]) {
        const encoding = make();
        used.add(`value ${index}, room ${room}`, encoding, () => {
          const given = value();
          const target = new Uint8Array(room);
          attempt(() => encoding.encodeInto?.(given, target, 0));
          return given;
        });
        const filling = make();
        used.add(`target ${index}, room ${room}`, filling, () => {
          const target = new Uint8Array(room);
          attempt(() => filling.encodeInto?.(value(), target, 0));
          return target;
        });
      }
      const encoding = make();
      used.add(`value ${index}`, encoding, () => {
        const given = value();
        attempt(() => encoding.encode(given));
        return given;
      });
      for (const cut of [0, 1, 5]) {
        const decoding = make();
        used.add(`body ${index}, without ${cut} bytes`, decoding, () => {
          let body: Uint8Array = new Uint8Array(100).fill(0xc1);
          attempt(() => body = make().encode(value()));
          body = body.slice(0, body.length - cut);
          attempt(() => decoding.decode(body));
          return body;
        });
      }
    }
    assertEquals(await used.kept(), []);
  });
}
