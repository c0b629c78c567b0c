import { unservedError } from "../../../../lib/messages/session/calls/call_failures.ts";
import { smallSizes } from "../simulation.ts";
import { assertEquals } from "@std/assert";
import {
  findMismatches,
  methodMismatches,
  servedMethods,
  unservedMethods,
} from "../../../../lib/messages/session/control/method_matching.ts";
import {
  decodeHello,
  type MethodInfo,
} from "../../../../lib/messages/session/wire/hello.ts";
import { MethodCounters } from "../../../../lib/messages/session/calls/method_counters.ts";
import { hello } from "../lone_session.ts";

const pure = { permissions: "none" } as const;
const ours = { name: "ask", shape: "unary", hash: 3 } as const;
const TABLES = {
  name: "x",
  hash: 0,
  sizes: smallSizes(0),
  calls: [ours, { ...ours, name: "b" }],
  serves: new Map([["ask", {
    index: 4,
    info: ours,
    counters: new MethodCounters(),
  }]]),
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
  "methodMismatches() names the methods of the peer's list and of its calls",
  pure,
  () => {
    const entries = {
      methods: listed,
      mismatches: [
        { method: 1, reason: "schema" },
        { method: 2, reason: "missing" }, // there is no method 2
      ],
    } as const;
    const seen = (role: "client" | "server") =>
      methodMismatches(decodeHello(hello(role, entries), 9), TABLES)
        .map(({ side, method, reason }) => `${side} ${method}: ${reason}`);
    const called = ["ask: schema", "ask: shape", "toString: missing"];
    assertEquals(seen("server"), [
      "server b: schema",
      ...called.map((text) => `client ${text}`),
    ]);
    assertEquals(seen("client"), called.map((text) => `server ${text}`));
  },
);
