/**
 * The same two schemas in each schema library.
 *
 * @module
 */
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import type { StandardSchema } from "../../../lib/messages/schema/standard_schema.ts";

/** Value of the `order` schemas. */
export interface Order {
  count: number;
}

/** Schemas of one library: a count of at least 1, and a number up to 100, doubled. */
export interface Library {
  order: StandardSchema<Order>;
  doubled: StandardSchema<number>;
}

/** The libraries, by their names. */
export const LIBRARIES: Readonly<Record<string, Library>> = {
  zod: {
    order: z.object({ count: z.int().min(1) }),
    doubled: z.number().max(100).transform((n) => 2 * n),
  },
  valibot: {
    order: v.object({ count: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
    doubled: v.pipe(
      v.number(),
      v.maxValue(100),
      v.transform((n: number) => 2 * n),
    ),
  },
  arktype: {
    order: type({ count: "number.integer >= 1" }),
    doubled: type("number <= 100").pipe((n) => 2 * n),
  },
};
