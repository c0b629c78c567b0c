import type { Handlers } from "@lengthwise/lengthwise";
import type { Shop } from "./shop.ts";

export const handlers: Handlers<typeof Shop, "server"> = {
  price: ({ sku }) => ({ cents: sku.length * 100 }),
  async *countdown({ from }) {
    for (let n = from; n > 0; n--) yield n;
  },
};
