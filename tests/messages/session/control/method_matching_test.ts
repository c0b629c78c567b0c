import { unservedError } from "../../../../lib/messages/session/calls/call_failures.ts";
import { assertEquals } from "@std/assert";
import {
  describeMethods,
  findMismatches,
  servedMethods,
  unservedMethods,
} from "../../../../lib/messages/session/control/method_matching.ts";
import type { MethodInfo } from "../../../../lib/messages/session/wire/hello.ts";

const pure = { permissions: "none" } as const;
const ours = { name: "ask", shape: "unary", hash: 3 } as const;
const TABLES = {
  name: "x",
  hash: 0,
  calls: [ours, { ...ours, name: "b" }],
  serves: new Map([["ask", { index: 4, info: ours }]]),
};
const listed: MethodInfo[] = [
  ours,
  { ...ours, hash: 0 },
  { ...ours, hash: 9 },
  { ...ours, shape: "duplex" },
  { ...ours, name: "toString" },
];

Deno.test(
  "servedMethods() maps the peer's numbers to served methods",
  pure,
  () => {
    const served = servedMethods(listed, TABLES).map((one) =>
      "index" in one ? one.index : one.name
    );
    assertEquals(served, [4, 4, 4, "ask", "toString"]);
  },
);

Deno.test(
  "findMismatches() finds missing methods, other shapes and other schemas",
  pure,
  () => {
    assertEquals(findMismatches(listed, TABLES), [
      { method: 2, reason: "schema" },
      { method: 3, reason: "shape" },
      { method: 4, reason: "missing" },
    ]);
  },
);

Deno.test(
  "unservedMethods() returns methods with a reason, unservedError() explains it",
  pure,
  () => {
    const mismatches = [
      { method: 0, reason: "schema" },
      { method: 1, reason: "shape" },
      { method: 70, reason: "missing" },
    ] as const;
    const unserved = unservedMethods({ mismatches }, TABLES);
    assertEquals([...unserved], [[1, "shape"]]); // there is no method 70
    const { code, processed, message } = unservedError("b", "shape");
    assertEquals([code, processed, message], [
      "unimplemented",
      "no",
      "Cannot call b: the peer serves it with another shape; use the same protocol on both sides",
    ]);
  },
);

Deno.test(
  "describeMethods() describes mismatched and known methods as far as there is room",
  pure,
  () => {
    const schemas = {
      ofCall: (index: number) => new Uint8Array(10 + index),
      ofServed: (index: number) => new Uint8Array(index),
    };
    const tables = {
      ...TABLES,
      calls: [ours, { ...ours, hash: 0 }, ours],
      schemas,
    };
    const mismatches = findMismatches(listed, tables);
    const described = (room: number) =>
      describeMethods({ methods: listed }, mismatches, tables, room)
        .map(({ caller, method, shape, schemas }) =>
          `${caller} ${method} ${shape} ${schemas.length}`
        );
    const whole = [
      "client 2 unary 4",
      "client 3 unary 4", // the shape as the server knows it
      "server 0 unary 10",
      "server 2 unary 12",
    ];
    // 6 bytes before each text: 10 + 10 + 16 + 18
    assertEquals(described(54), whole);
    assertEquals(described(53), whole.slice(0, 3));
    assertEquals(described(19), whole.slice(0, 1));
    assertEquals(described(-1), []);
    const silent = { ...tables, schemas: undefined };
    assertEquals(
      describeMethods({ methods: listed }, mismatches, silent, 54),
      [],
    );
  },
);
