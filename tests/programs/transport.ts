/** The transport layer alone, in memory. Needs no permission and no Deno. */
import { connect, listen } from "@lengthwise/lengthwise/transport";

using listener = await listen({ memory: "echo" });
const accepted = listener.accept();
using client = await connect({ memory: "echo" });
using server = await accepted;
await client.write(new Uint8Array([1, 2, 3]));
const buffer = new Uint8Array(16);
const read = await server.read(buffer);
if (read !== 3) throw new Error(`Expected 3 bytes, got ${read}`);
console.log("ok transport", read);
