import { assertEquals } from "@std/assert";
import * as declarations from "../../../lib/messages/protocol/declarations.ts";

Deno.test(
  "declarations.ts exports what protocols are declared, compared and described with",
  {
    permissions: "none",
  },
  () => {
    assertEquals(Object.keys(declarations).sort(), [
      "SHAPES",
      "SchemaError",
      "clientStream",
      "describeDifferences",
      "describeProtocol",
      "diffMethods",
      "duplex",
      "isDeclared",
      "mergeProtocols",
      "notification",
      "protocol",
      "protocolHash",
      "serverStream",
      "summaries",
      "typed",
      "unary",
      "validate",
    ]);
  },
);
