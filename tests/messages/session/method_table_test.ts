import { assertEquals } from "@std/assert";
import {
  differences,
  servedMethods,
  unservedMethods,
} from "../../../lib/messages/session/method_table.ts";
import type { MethodInfo } from "../../../lib/messages/session/hello.ts";

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
  "servedMethods() maps the peer's numbers to what serves them",
  pure,
  () => {
    const served = servedMethods(listed, TABLES).map((one) =>
      "index" in one ? one.index : one.name
    );
    assertEquals(served, [4, 4, 4, "ask", "toString"]);
  },
);

Deno.test(
  "differences() says what is missing, of another shape, of other schemas",
  pure,
  () => {
    assertEquals(differences(listed, TABLES), [
      { method: 2, reason: "schema" },
      { method: 3, reason: "shape" },
      { method: 4, reason: "missing" },
    ]);
  },
);

Deno.test(
  "unservedMethods() keeps what cannot be called, with the error for it",
  pure,
  () => {
    const mismatches = [
      { method: 0, reason: "schema" },
      { method: 1, reason: "shape" },
      { method: 70, reason: "missing" },
    ] as const;
    const errors = unservedMethods({ mismatches }, TABLES);
    assertEquals([...errors.keys()], [1, 70]);
    const { code, processed, message } = errors.get(1)!;
    assertEquals([code, processed, message], [
      "unimplemented",
      "no",
      "Cannot call b: the other side serves it in another shape",
    ]);
  },
);
