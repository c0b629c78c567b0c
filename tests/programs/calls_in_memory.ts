/** All layers, in memory. Needs no permission and no Deno. */
import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";

const Echo = protocol({
  name: "echo",
  server: { upper: unary<string, string>() },
});
const server = await serve(
  Echo,
  { memory: "echo" },
).handle({ upper: (text: string) => text.toUpperCase() });
const session = await connect(Echo, { memory: "echo" });
const answer = await session.remote.upper("hello");
await session[Symbol.asyncDispose](); // `await using` is not in Node.js 22
await server[Symbol.asyncDispose]();
if (answer !== "HELLO") throw new Error(`Expected "HELLO", got "${answer}"`);
console.log("ok calls", server.addr.transport);
