#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * A minimal server and client: one method, one call.
 *
 * @module
 */
import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";

const Echo = protocol({
  name: "echo",
  server: { echo: unary<string, string>() },
});

await using server = await serve(Echo, { port: 0 }).handle({
  echo: (text) => text,
});
await using session = await connect(Echo, server.addr);
console.log(await session.remote.echo("Hello, socket"));
