#!/usr/bin/env -S deno run --allow-net=unix:/tmp/lengthwise-example.sock --allow-read=/tmp/lengthwise-example.sock --allow-write=/tmp/lengthwise-example.sock
/**
 * The client; `main.ts` starts it.
 *
 * @module
 */
import { connect } from "@lengthwise/lengthwise";
import { Clock, SOCKET } from "./clock.ts";

await using session = await connect(Clock, { path: SOCKET });
const uptime = await session.remote.uptime();
console.log(
  `client: the server has been up for ${
    uptime > 0 ? "some" : "no"
  } milliseconds`,
);
