import { createClient } from "@lengthwise/lengthwise/browser";
import { json } from "@lengthwise/lengthwise/json";
import { Shop } from "./shop.ts";

// The types of Deno lack the DOM; see `compilerOptions.lib` for all of it.
declare const document: {
  querySelector(selector: string): { textContent: string } | null;
};

const url = new URL("/shop", location.href);
url.protocol = url.protocol.replace("http", "ws");
const client = createClient(Shop, url.href, { codecs: [json()] });

const { cents } = await client.remote.price({ sku: "A-1" });
const line = document.querySelector("#price");
if (line) line.textContent = `${cents} cents`;
