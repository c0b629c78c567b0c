/** The framing layer alone. Needs no permission and no Deno. */
import { lengthPrefixed } from "@lengthwise/lengthwise/framing";

const framing = lengthPrefixed();
const bytes = framing.encoder().encode(new TextEncoder().encode("hello"));
const decoder = framing.decoder();
decoder.push(bytes.subarray(0, 3));
if (decoder.next() !== undefined) throw new Error("A frame out of 3 bytes");
decoder.push(bytes.subarray(3));
const text = new TextDecoder().decode(decoder.next());
decoder.end();
if (text !== "hello") throw new Error(`Expected "hello", got "${text}"`);
console.log("ok framing", bytes.length);
