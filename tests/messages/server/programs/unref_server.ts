/** Listens and calls unref(): the process must exit while the server listens. */
import { protocol, serve, unary } from "@lengthwise/lengthwise";

const P = protocol({ name: "p", server: { echo: unary<string, string>() } });
const handlers = { echo: (text: string) => text };
const server = await serve(P, { port: 0 }).handle(handlers);
server.unref();
await server.listen({ port: 0 }); // a later listener does not keep it alive either
console.log("listening");
