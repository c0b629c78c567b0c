import { assertEquals, assertThrows } from "@std/assert";
import { CodecError } from "../../../lib/messages/codec/errors.ts";
import { resolveCodecLimits } from "../../../lib/messages/codec/codec_limits.ts";
import { MsgpackScanner } from "../../../lib/messages/codec/msgpack_scanner.ts";
import { hex } from "./hex.ts";

const PURE = { permissions: "none" } as const;

function scanner(limits = {}, safeInt64 = false): MsgpackScanner {
  return new MsgpackScanner(resolveCodecLimits(limits), safeInt64);
}

function refused(body: Uint8Array, limits = {}, safeInt64 = false): CodecError {
  return assertThrows(
    () => scanner(limits, safeInt64).scan(body),
    CodecError,
  );
}

Deno.test("scan() accepts one value of each form", PURE, () => {
  const forms = [
    ..."00 7f e0 ff c0 c2 c3 cc80 cd0100 ce00010000 cfffffffffffffffff".split(
      " ",
    ),
    ..."d080 d18000 d280000000 d38000000000000000 ca3f800000".split(" "),
    ..."cb3ff0000000000000 a0 a161 d90161 da000161 db0000000161".split(" "),
    ..."c400 c40100 c5000100 c60000000100 90 9101 dc000101 dd0000000101".split(
      " ",
    ),
    ..."80 81a16101 de0001a16101 df00000001a16101 81d9016101".split(" "),
    ..."d40000 d6ff00000000 d7ff0000000000000000".split(" "),
    ..."c70cff000000000000000000000000 c704ff00000000".split(" "),
  ];
  for (const form of forms) assertEquals(scanner().scan(hex(form)), true);
});

Deno.test(
  "scan() throws 'truncated' for every truncation of every form",
  PURE,
  () => {
    const forms = [
      ..."cc80 cd0100 ce00010000 cfffffffffffffffff d38000000000000000".split(
        " ",
      ),
      ..."cb3ff0000000000000 a3616263 d9026162 da00026162 db000000026162".split(
        " ",
      ),
      ..."c4020000 c500020000 c6000000020000 920101 dc00020101".split(" "),
      ..."dd000000020101 82a16101a16202 de0001a16101 df00000001a16101".split(
        " ",
      ),
      ..."d40000 d6ff00000000 c70cff000000000000000000000000".split(" "),
    ];
    for (const form of forms) {
      const body = hex(form);
      for (let end = 0; end < body.length; end++) {
        assertEquals(refused(body.subarray(0, end)).code, "truncated", form);
      }
    }
  },
);

Deno.test("scan() reports the offset of trailing bytes", PURE, () => {
  const error = refused(hex("920102 c0c0"));
  assertEquals([error.code, error.offset], ["trailing", 3]);
});

Deno.test(
  "scan() rejects extensions that only msgpackr or a hostile peer writes",
  PURE,
  () => {
    const cases: Record<string, string> = {
      "record definition": "d472409101 a161 01",
      "two-byte record definition": "d5724001 91a161 01",
      "error (native function)": "d46500 93a776616c75654f66c0c0",
      "Set": "d47300 9101",
      "RegExp": "d47800 92a161a0",
      "typed array": "c70274000102",
      "bigint of any size": "c70342010203",
      "structured clone id": "d66900000001 90",
      "structured clone pointer": "d67000000001",
      "string bundle that jumps back": "d662fffffff6 a0a0",
      "undefined with another filler": "d40001",
      "undefined of two bytes": "d5000000",
      "type 1": "d40100",
      "type -2": "d4fe00",
    };
    for (const [name, form] of Object.entries(cases)) {
      assertEquals(refused(hex(form)).code, "extension", name);
    }
    const error = refused(hex("92 01 d46500"));
    assertEquals(error.offset, 2);
    assertEquals(
      error.message,
      "Cannot decode as msgpack: extension type 101 of 1 byte(s) is not allowed; expected 0 for undefined or -1 for timestamps (at byte 2)",
    );
  },
);

Deno.test("scan() rejects the byte that MessagePack never uses", PURE, () => {
  assertEquals(refused(hex("91c1")).code, "malformed");
  assertEquals(refused(hex("c1")).code, "malformed");
});

Deno.test(
  "scan() counts depth and stops at level 65, even of a million",
  PURE,
  () => {
    const levels = (count: number, lead = 0x91) =>
      new Uint8Array(count + 1).fill(lead, 0, count);
    assertEquals(scanner().scan(levels(64)), true);
    for (const count of [65, 1_000_000]) {
      const error = refused(levels(count));
      assertEquals(
        [error.code, error.limit, error.allowed, error.found, error.offset],
        ["too-large", "maxDepth", 64, 65, 64],
      );
    }
    assertEquals(scanner({ maxDepth: 2 }).scan(hex("9190")), true);
    assertEquals(refused(hex("9181a16190"), { maxDepth: 2 }).offset, 4);
  },
);

Deno.test("scan() counts values and keys", PURE, () => {
  assertEquals(scanner({ maxNodes: 4 }).scan(hex("93010203")), true);
  const error = refused(hex("82a16101a16202"), { maxNodes: 4 });
  assertEquals([error.limit, error.found, error.offset], ["maxNodes", 5, 0]);
  const many = new Uint8Array(1_000_005).fill(0x90);
  many.set(hex("dd000f4240"));
  assertEquals(refused(many).limit, "maxNodes");
});

Deno.test("scan() counts bytes of strings, keys and binary data", PURE, () => {
  const body = hex("82 a161 a3616263 a162 c4020000");
  assertEquals(scanner({ maxBytes: 7 }).scan(body), true);
  const error = refused(body, { maxBytes: 6 });
  assertEquals([error.limit, error.found, error.offset], ["maxBytes", 7, 9]);
});

Deno.test("scan() does not trust declared lengths", PURE, () => {
  for (
    const form of [
      "ddffffffff",
      "dfffffffff",
      "dbffffffff",
      "c6ffffffff",
      "c9ffffffff",
    ]
  ) {
    assertEquals(refused(hex(`${form}0000`)).code, "truncated");
  }
  assertEquals(refused(hex("dd00000003 0101")).offset, 0);
});

Deno.test(
  "scan() rejects keys that are not strings, and '__proto__'",
  PURE,
  () => {
    for (
      const key of [
        "01",
        "c0",
        "c3",
        "c40161",
        "90",
        "80",
        "cb3ff0000000000000",
        "d40000",
        "ff",
      ]
    ) {
      assertEquals(refused(hex(`82a16101${key}01`)).code, "key", key);
    }
    for (let lead = 0; lead < 256; lead++) {
      if (lead >> 5 === 5 || (lead >= 0xd9 && lead <= 0xdb)) continue;
      const body = new Uint8Array(40).fill(0xc0);
      body.set([0x81, lead]);
      assertEquals(refused(body).code, "key", `${lead}`);
    }
    for (const header of ["a9", "d909", "da0009", "db00000009"]) {
      const error = refused(hex(`81${header}5f5f70726f746f5f5f01`));
      assertEquals([error.code, error.offset], ["key", 1]);
    }
    assertEquals(scanner().scan(hex("91a95f5f70726f746f5f5f")), true);
    assertEquals(scanner().scan(hex("81a95f5f70726f746f5f7801")), true);
    assertEquals(scanner().scan(hex("81a16180")), true);
  },
);

Deno.test("scan() rejects ill-formed UTF-8", PURE, () => {
  const good = [
    "c3a9",
    "e282ac",
    "f09f9880",
    "ed9fbf",
    "ee8080",
    "f48fbfbf",
    "efbfbd",
    "6162c3a96364",
  ];
  for (const text of good) {
    const length = (0xa0 + text.length / 2).toString(16);
    assertEquals(scanner().scan(hex(length + text)), true, text);
  }
  const bad = [
    "80",
    "c3",
    "c0af",
    "c1bf",
    "e0809f",
    "e2822c",
    "eda080",
    "edbfbf",
    "f0808080",
    "f4908080",
    "f5808080",
    "ff",
    "f09f98",
    "61e282",
    "6161616161ff",
  ];
  for (const text of bad) {
    const length = (0xa0 + text.length / 2).toString(16);
    assertEquals(refused(hex(length + text)).code, "malformed", text);
  }
});

Deno.test("scan() checks timestamps", PURE, () => {
  const range = [
    "d7ff fffffffc00000000", // 2^30 - 1 ns
    "c70cff 3b9aca00 0000000000000000", // 10^9 ns
    "c70cff 00000000 000007dba8218001", // a second too late
    "c70cff 00000001 000007dba8218000", // a nanosecond too late
    "c70cff 00000000 fffff82457de7fff", // a second too early
    "c70cff 00000000 8000000000000000",
  ];
  for (const form of range) {
    assertEquals(refused(hex(form)).code, "range", form);
  }
  for (
    const form of ["d5ff0000", "d4ffff", "c700ff", "c709ff000000000000000000"]
  ) {
    assertEquals(refused(hex(form)).code, "malformed", form);
  }
  assertEquals(
    scanner().scan(hex("c70cff 00000000 000007dba8218000")),
    true,
  );
});

Deno.test(
  "scan() with safeInt64 rejects 64-bit integers that are not exact",
  PURE,
  () => {
    const exact = [
      "cf001fffffffffffff",
      "d3001fffffffffffff",
      "d3ffe0000000000000",
      "d3ffffffffffffffff",
      "cb43e0000000000000",
    ];
    for (const form of exact) {
      assertEquals(
        scanner({}, true).scan(hex(form)),
        true,
        form,
      );
    }
    const inexact = [
      "cf0020000000000000",
      "cfffffffffffffffff",
      "d30020000000000000",
      "d3ffdfffffffffffff",
      "d38000000000000000",
    ];
    for (const form of inexact) {
      assertEquals(refused(hex(form), {}, true).code, "range", form);
      assertEquals(scanner().scan(hex(form)), true);
    }
  },
);

Deno.test(
  "scan() returns false for long strings that begin with a byte order mark",
  PURE,
  () => {
    const long = hex(`91d945efbbbf${"61".repeat(66)}`);
    assertEquals(scanner().scan(long), false);
    const short = hex(`91d940efbbbf${"61".repeat(61)}`);
    assertEquals(scanner().scan(short), true);
  },
);

Deno.test("scan() can be called after an error", PURE, () => {
  const one = scanner();
  assertThrows(() => one.scan(hex("9191919191c1")), CodecError);
  assertEquals(one.scan(hex("920102")), true);
});

Deno.test(
  "a body of nothing but objects with an empty key is rejected",
  PURE,
  () => {
    // Lists of 60 nested objects: two bytes for each.
    const nested = (key: string) => `${`81${key}`.repeat(60)}c0`;
    const list = (item: string) => hex(`dc0400${item.repeat(1024)}`);
    const { limit } = refused(list(nested("a0")));
    assertEquals(limit, "maxHeld");
    assertEquals(scanner().scan(list(nested("a161"))), true);
    scanner().scan(hex(`${"81a0".repeat(30)}c0`)); // a small one is accepted
  },
);
