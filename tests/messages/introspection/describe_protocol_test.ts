import { assertEquals } from "@std/assert";
import * as z from "zod";
import { describeProtocol } from "../../../lib/messages/introspection/describe_protocol.ts";
import {
  notification,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { protocolHash } from "../../../lib/messages/protocol/protocol_hash.ts";

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<string, number>(),
    orders: {
      create: unary({
        input: z.object({ sku: z.string() }),
        errors: { closed: null },
        timeout: 500,
        idempotent: true,
        description: "Places an order",
      }),
    },
  },
  client: { alert: notification<string>() },
});

Deno.test(
  "describeProtocol() lists methods, shapes, defaults and JSON Schemas as JSON data",
  {
    permissions: "none",
  },
  () => {
    const described = describeProtocol(Shop);
    const none = { input: null, output: null, opening: null, errors: {} };
    const create = Shop.methods.server[0]!;
    assertEquals(JSON.parse(JSON.stringify(described)), {
      name: "shop",
      hash: protocolHash(Shop),
      server: [
        {
          name: "orders.create",
          shape: "unary",
          hash: create.hash,
          schemas: {
            ...none,
            input: {
              $schema: "https://json-schema.org/draft/2020-12/schema",
              type: "object",
              properties: { sku: { type: "string" } },
              required: ["sku"],
            },
            errors: { closed: null },
          },
          timeout: 500,
          idempotent: true,
          once: false,
          description: "Places an order",
        },
        {
          name: "price",
          shape: "unary",
          hash: 0,
          schemas: none,
          timeout: null,
          idempotent: false,
          once: false,
          description: "",
        },
      ],
      client: [{
        name: "alert",
        shape: "notification",
        hash: 0,
        schemas: none,
        timeout: null,
        idempotent: false,
        once: false,
        description: "",
      }],
    });
  },
);
