#!/usr/bin/env -S deno run --allow-run=deno
/**
 * Calls to a child process over its standard streams: no port, no socket, and the
 * child ends with the session.
 *
 * @module
 */
import { connect } from "@lengthwise/lengthwise";
import { streamConnection } from "@lengthwise/lengthwise/transport";
import { Spelling } from "./spelling.ts";

const program = new URL("child.ts", import.meta.url).pathname;
const child = new Deno.Command("deno", {
  args: ["run", "--frozen", program], // without permissions
  stdin: "piped",
  stdout: "piped",
}).spawn();

{
  await using session = await connect(Spelling, streamConnection(child), {
    handlers: {
      progress: ({ words }) => console.log(`the child found ${words} words`),
    },
  });
  const { unknown } = await session.remote.check("A mesage has a length");
  console.log("unknown:", unknown.join(", "));
}
console.log("the child exited with status", (await child.status).code);
