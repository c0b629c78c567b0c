/** The transport layer alone, in memory. Needs no permission and no Deno. */
import { connect, listen } from "@lengthwise/lengthwise/transport";

const listener = await listen({ memory: "echo" });
const accepted = listener.accept();
const client = await connect({ memory: "echo" });
const server = await accepted;
await client.write(new Uint8Array([1, 2, 3]));
const buffer = new Uint8Array(16);
const read = await server.read(buffer);
for (const socket of [client, server, listener]) socket.close();
if (read !== 3) throw new Error(`Expected 3 bytes, got ${read}`);
console.log("ok transport", read);
