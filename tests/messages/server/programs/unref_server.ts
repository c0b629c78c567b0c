/** Serves and lets go of it: the process must end although it listens. */
import { protocol, serve, unary } from "@lengthwise/lengthwise";

const P = protocol({ name: "p", server: { echo: unary<string, string>() } });
const handlers = { echo: (text: string) => text };
const server = await serve(P, handlers, { port: 0 });
server.unref();
await server.listen({ port: 0 }); // not kept alive by a later one either
console.log("listening");
