/** A codec of the messages layer alone. Needs no permission and no Deno. */
import { msgpack } from "@lengthwise/lengthwise";

const codec = msgpack();
const value = codec.decode(codec.encode({ sku: "A-1", cents: [12, 2.5] }));
const json = JSON.stringify(value);
if (json !== '{"sku":"A-1","cents":[12,2.5]}') {
  throw new Error(`Not the value that was packed: ${json}`);
}
console.log("ok messages", json);
