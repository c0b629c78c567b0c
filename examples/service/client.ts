#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A client that makes a call and ends: leaving the scope closes the session.
 *
 * @module
 */
import { connect } from "@lengthwise/lengthwise";
import { Shop } from "./shop.ts";

const port = Number(Deno.args[0] ?? 7000);
await using session = await connect(Shop, { port });
console.log(await session.remote.price({ sku: "A-1" }));
