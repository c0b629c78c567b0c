/**
 * Types of the values of one method. The compiler checks this file; nothing here
 * runs.
 *
 * @module
 */
import * as z from "zod";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../../lib/messages/protocol/method_builders.ts";
import type {
  Input,
  Item,
  Output,
} from "../../../../lib/messages/protocol/method_values.ts";
import { protocol } from "../../../../lib/messages/protocol/protocol.ts";

const Shop = protocol({
  name: "shop",
  server: {
    price: unary<{ sku: string }, number>(),
    log: notification<string>(),
    watch: serverStream<string, { cents: number }>(),
    upload: clientStream<Uint8Array, boolean>(),
    chat: duplex<"say", "said">(),
    orders: {
      create: unary({
        input: z.object({ sku: z.string() }),
        output: z.number(),
      }),
    },
  },
});

type Server = typeof Shop.server;
type Same<A, B> = [A, B] extends [B, A] ? true : false;

true satisfies Same<Input<Server["price"]>, { sku: string }>;
true satisfies Same<Output<Server["price"]>, number>;
true satisfies Same<Item<Server["price"]>, never>;
true satisfies Same<Input<Server["log"]>, string>;
true satisfies Same<Input<Server["watch"]>, string>;
true satisfies Same<Item<Server["watch"]>, { cents: number }>;
true satisfies Same<Item<Server["upload"]>, Uint8Array>;
true satisfies Same<Output<Server["upload"]>, boolean>;
true satisfies Same<Input<Server["chat"]>, "say">;
true satisfies Same<Item<Server["chat"]>, "said">;
true satisfies Same<Input<Server["orders"]["create"]>, { sku: string }>;
// @ts-expect-error: the input is an object
true satisfies Same<Input<Server["price"]>, string>;
