#!/usr/bin/env -S deno run --allow-net=127.0.0.1:7000
import { connect } from "@lengthwise/lengthwise";
import { Shop } from "./shop.ts";

await using session = await connect(Shop, { port: 7000 });
console.log(await session.remote.price({ sku: "A-1" }));
for await (const n of session.remote.countdown({ from: 3 })) console.log(n);
