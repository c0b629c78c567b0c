import { createClient } from "@lengthwise/lengthwise/browser";
import { json } from "@lengthwise/lengthwise/json";
import { Shop } from "./shop.ts";

// Deno's types lack the DOM; in a project of your own, write
// `/// <reference lib="dom" />` in the first line instead.
declare const document: {
  querySelector(selector: string): { textContent: string } | null;
};

const url = new URL("/shop", location.href);
url.protocol = url.protocol.replace("http", "ws");
const client = createClient(Shop, url.href, { codecs: [json()] });

const { cents } = await client.remote.price({ sku: "A-1" });
const line = document.querySelector("#price");
if (line) line.textContent = `${cents} cents`;
