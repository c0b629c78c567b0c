/**
 * A page with React: calls through TanStack Query, and a stream through a hook.
 *
 * @module
 */
import { QueryClient, useQuery } from "@tanstack/react-query";
// @ts-types="@types/react"
import { createElement, type ReactNode } from "react";
import { CallError, type Client } from "@lengthwise/lengthwise/browser";
import type { Shop } from "./shop.ts";
import { useStream } from "./use_stream.ts";

/** Repeats failed calls only where that is safe and may help. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // The client connects again by itself, and calls wait meanwhile.
      networkMode: "always",
      retry: (failures, error) =>
        failures < 3 && error instanceof CallError && error.retry !== "never",
    },
  },
});

/** Shows the price and the stock of an article. */
export function Article(
  { client, sku }: { client: Client<typeof Shop>; sku: string },
): ReactNode {
  const price = useQuery({
    queryKey: ["price", sku],
    // The signal cancels the call when no component needs it.
    queryFn: ({ signal }) => client.remote.price({ sku }, { signal }),
  });
  const stock = useStream(client.remote.stock, { sku });
  return createElement(
    "p",
    null,
    price.isError ? `${price.error.message}` : `${price.data ?? "…"} cents`,
    `, ${stock.item ?? "…"} left`,
    stock.ended ? ", closed" : "",
  );
}
