import { assertEquals, assertRejects } from "@std/assert";
import { bytes } from "../../lib/messages/codec/bytes.ts";
import { checkCodec } from "../../lib/testing/check_codec.ts";
import { json } from "../../lib/messages/codec/json.ts";
import type { MessageCodec } from "../../lib/messages/codec/message_codec.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import {
  CARRIED,
  JSON_CARRIED,
  JSON_REFUSED,
  REFUSED,
} from "../messages/codec/values.ts";

const PURE = { permissions: "none" } as const;

/** Every third value with a body under 100 KB; the codecs' tests cover all. */
function some(codec: MessageCodec, values: readonly unknown[]): unknown[] {
  const short = values.filter((value) => codec.encode(value).length < 100_000);
  return short.filter((_, index) => index % 3 === 0);
}

Deno.test("checkCodec() passes msgpack()", PURE, async (t) => {
  await checkCodec(msgpack(), {
    values: some(msgpack(), CARRIED),
    refused: REFUSED,
    step: (name, check) => t.step(name, check),
  });
});

Deno.test("checkCodec() passes a msgpack() that borrows", PURE, async () => {
  const codec = msgpack({ binary: "borrow" });
  await checkCodec(codec, {
    values: some(codec, CARRIED),
    refused: REFUSED.slice(0, 5),
    borrows: true,
  });
});

Deno.test("checkCodec() passes json()", PURE, async () => {
  await checkCodec(json(), {
    values: some(json(), JSON_CARRIED),
    refused: JSON_REFUSED,
  });
});

Deno.test("checkCodec() passes bytes()", PURE, async () => {
  const values = [0, 1, 7, 300, 70_000].map((length) =>
    Uint8Array.from({ length }, (_, index) => index)
  );
  const refused = [
    null,
    undefined,
    1,
    "a",
    [1],
    {},
    new DataView(new ArrayBuffer(1)),
  ];
  await checkCodec(bytes(), { values, refused });
  await checkCodec(bytes({ binary: "borrow" }), {
    values,
    refused,
    borrows: true,
  });
});

Deno.test("checkCodec() detects each kind of fault", PURE, async () => {
  const good = json();
  const faults: Record<string, Partial<MessageCodec>> = {
    "the name": { name: "No Name" },
    "survive a round trip": { decode: (body) => [good.decode(body)] },
    "a separate buffer": { encode: shared(good) },
    "at every offset": {
      encodeInto: (value, target, offset) => {
        if (offset > 0) target[offset - 1] = 0;
        return good.encodeInto(value, target, offset);
      },
    },
    "if it does not fit": {
      encodeInto: (value, target, offset) => {
        const body = good.encode(value);
        if (body.length <= target.length - offset) {
          return good.encodeInto(value, target, offset);
        }
        return body.subarray(1);
      },
    },
    "a view of": {
      decode: (body) => good.decode(new Uint8Array(body.buffer)),
    },
    "rejected values": {
      encode: (value) => new TextEncoder().encode(`${value}`),
    },
    "truncated, altered": {
      decode: (body) => JSON.parse(new TextDecoder().decode(body)),
    },
  };
  for (const [name, fault] of Object.entries(faults)) {
    const codec: MessageCodec = {
      name: fault.name ?? good.name,
      encode: fault.encode ?? ((value) => good.encode(value)),
      encodeInto: fault.encodeInto ??
        ((value, target, offset) => good.encodeInto(value, target, offset)),
      decode: fault.decode ?? ((body) => good.decode(body)),
    };
    const error = await assertRejects(
      () => checkCodec(codec, { values: [["a"], "bc"], refused: [1n] }),
      AggregateError,
    );
    const found = error.errors.some(({ message }) => message.includes(name));
    assertEquals(found, true, `${name}: ${error.message}`);
  }
});

Deno.test("checkCodec() makes each requirement of a check", PURE, async () => {
  const good = json();
  type Into = MessageCodec["encodeInto"];
  const into: Into = (value, target, at) => good.encodeInto(value, target, at);
  /** Changes the byte before the offset after some calls. */
  const spoiling =
    (spoils: (body: unknown) => boolean): Into => (value, target, offset) => {
      let body: number | Uint8Array | undefined;
      try {
        return body = into(value, target, offset);
      } finally {
        if (spoils(body) && offset > 0) target[offset - 1] = 0;
      }
    };
  let failed = false;
  const faults: readonly (readonly [string, string, Partial<MessageCodec>])[] =
    [
      ["if it does not fit", "before offset 5 were changed", {
        encodeInto: spoiling((body) => typeof body === "object"),
      }],
      ["at every offset", "before offset 1 were changed", {
        encodeInto: spoiling((body) => typeof body === "number"),
      }],
      ["rejected values", "before offset 9 were changed", {
        encodeInto: spoiling((body) => body === undefined),
      }],
      ["at every offset", "at offset 0 ended at", {
        encodeInto: (value, target, offset) => {
          const body = into(value, target, offset);
          return typeof body === "number" ? body + 1 : body;
        },
      }],
      ["at every offset", "differs at offset 0", {
        encodeInto: (value, target, offset) => {
          const body = into(value, target, offset);
          if (typeof body === "number") target[offset] = 0;
          return body;
        },
      }],
      ["rejected values", "encode([object Object]) threw Error: odd", {
        encode: (value) => {
          if (typeof value === "object" && !Array.isArray(value)) {
            throw new Error("odd");
          }
          return good.encode(value);
        },
      }],
      ["rejected values", "encodeInto([object Object]) threw nothing", {
        encodeInto: (value, target, offset) =>
          typeof value === "object" && !Array.isArray(value)
            ? offset
            : into(value, target, offset),
      }],
      ["does not affect later messages", "arrived as [object Array]", {
        encode: (value) => {
          const bad = typeof value === "object" && !Array.isArray(value);
          const body = good.encode(failed && !bad ? [value] : value);
          failed = false;
          return body;
        },
        decode: (body) => {
          failed = body[0] !== "[".charCodeAt(0) &&
            body[0] !== '"'.charCodeAt(0);
          return good.decode(body);
        },
      }],
      ["does not affect later messages", "odd is not a CodecError", {
        decode: (body) => {
          try {
            return good.decode(body);
          } catch {
            throw new Error("odd");
          }
        },
      }],
    ];
  const refused = [{ at: 1n }];
  for (const [name, message, fault] of faults) {
    const codec: MessageCodec = {
      name: good.name,
      encode: fault.encode ?? ((value) => good.encode(value)),
      encodeInto: fault.encodeInto ?? into,
      decode: fault.decode ?? ((body) => good.decode(body)),
    };
    const error = await assertRejects(
      () => checkCodec(codec, { values: [["a"], "bc"], refused }),
      AggregateError,
    );
    const found = error.errors.some((one: Error) =>
      one.message.includes(name) && one.message.includes(message)
    );
    assertEquals(found, true, `${message}: ${error.message}`);
  }
});

Deno.test(
  "checkCodec() detects values that reference the body",
  PURE,
  async () => {
    const borrowing = bytes({ binary: "borrow" });
    await assertRejects(
      () => checkCodec(borrowing, { values: [new Uint8Array(3)] }),
      AggregateError,
      "reference the body",
    );
  },
);

Deno.test("checkCodec() throws without values", PURE, async () => {
  await assertRejects(
    () => checkCodec(json(), { values: [] }),
    RangeError,
    "'values' must hold at least one value",
  );
});

/** Returns an `encode()` that uses one buffer for all messages. */
function shared(codec: MessageCodec): MessageCodec["encode"] {
  const memory = new Uint8Array(1000);
  return (value) => {
    const body = codec.encode(value);
    memory.set(body);
    return memory.subarray(0, body.length);
  };
}
