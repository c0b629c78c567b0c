/** All layers, over TCP. Needs `--allow-net=127.0.0.1` and nothing else. */
import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";

const Echo = protocol({
  name: "echo",
  server: { upper: unary<string, string>() },
});
await using server = await serve(
  Echo,
  { port: 0 },
).handle({ upper: (text: string) => text.toUpperCase() });
const { port } = server.addr;
if (port === undefined) throw new Error("A TCP server without a port");
await using session = await connect(Echo, { port });
const answer = await session.remote.upper("hello");
if (answer !== "HELLO") throw new Error(`Expected "HELLO", got "${answer}"`);
console.log("ok calls", server.addr.transport);
