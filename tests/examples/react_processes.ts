/**
 * The page of `examples/react` in a simulated browser, with a real server.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { QueryClientProvider } from "@tanstack/react-query";
import { Window } from "happy-dom";
// @ts-types="@types/react"
import { createElement } from "react";
import { createClient } from "@lengthwise/lengthwise/browser";
import { json } from "@lengthwise/lengthwise/json";
import { CallError, createServer } from "@lengthwise/lengthwise";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
import { Article, queries } from "../../examples/react/page.ts";
import { Shop } from "../../examples/react/shop.ts";
import { useStream } from "../../examples/react/use_stream.ts";

const window = new Window();
const { document } = window;
Object.assign(globalThis, { window, document });
// After the globals, which React looks up when it loads.
const { createRoot } = await import("react-dom/client");

/** Waits until an element has this text. */
async function shows(element: { textContent: string }, text: string) {
  for (let turn = 0; turn < 500 && element.textContent !== text; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(element.textContent, text);
}

/** Reads until the consumer's call is over. */
async function* untilAborted(signal: AbortSignal, onEnd: () => void) {
  try {
    yield 5;
    yield 4;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  } finally {
    onEnd();
  }
}

async function* inputs(input: void) {
  yield `got ${input}`;
}

/** Shows the items of a stream without input. */
function Inputs() {
  const { item, error } = useStream(inputs, undefined);
  return `${error ?? item ?? "…"}`;
}

Deno.test("useStream() reads a stream without input", async () => {
  const place = document.createElement("div");
  // React takes the simulated element for one of a browser.
  const root = createRoot(place as unknown as Parameters<typeof createRoot>[0]);
  root.render(createElement(Inputs));
  await shows(place, "got undefined");
  root.unmount();
});

Deno.test("useStream() and useQuery() show calls and streams, and cancel them", async () => {
  const calls: string[] = [];
  let open = 0;
  await using server = createServer(Shop, { codecs: [json()] }).handle({
    price({ sku }) {
      calls.push(sku);
      if (sku === "none") {
        throw new CallError("no such article", { code: "invalid" });
      }
      return sku.length * 100;
    },
    async *stock({ sku }, { signal }) {
      if (sku === "sold") return;
      open++;
      yield* untilAborted(signal, () => open--);
    },
  });
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { response, connection } = upgradeWebSocket(request);
      server.accept(connection);
      return response;
    },
  );
  await using client = createClient(
    Shop,
    `ws://127.0.0.1:${http.addr.port}/`,
    { codecs: [json()] },
  );
  const place = document.createElement("div");
  // React takes the simulated element for one of a browser.
  const root = createRoot(place as unknown as Parameters<typeof createRoot>[0]);
  const show = (sku: string) =>
    root.render(
      createElement(
        QueryClientProvider,
        { client: queries },
        createElement(Article, { client, sku }),
      ),
    );
  try {
    show("book");
    await shows(place, "400 cents, 4 left");
    assertEquals(open, 1);
    show("sold"); // the stream of the other article ends
    await shows(place, "400 cents, … left, closed");
    for (let turn = 0; turn < 500 && open > 0; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assertEquals(open, 0);
    show("none"); // an error that no repetition changes
    await shows(place, "no such article, 4 left");
    assertEquals(calls, ["book", "sold", "none"]);
    show("book"); // from the cache of TanStack Query, then a new call
    await shows(place, "400 cents, 4 left");
  } finally {
    root.unmount();
    queries.clear();
  }
  for (let turn = 0; turn < 500 && open > 0; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(open, 0);
  await window.happyDOM.close();
});
