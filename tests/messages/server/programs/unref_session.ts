/**
 * Opens sessions and calls unref() on both ends: the process must exit although
 * they are open.
 */
import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";

const P = protocol({ name: "p", server: { echo: unary<string, string>() } });
const server = await serve(P, { port: 0 }, {
  onSession: (session) => session.unref(),
}).handle({ echo: (text) => text });
server.unref();
const session = await connect(P, server.addr);
session.ref();
session.unref();
console.log(await session.remote.echo("open"));
