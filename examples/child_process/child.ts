/**
 * The child: serves its parent over standard input and output, as language
 * servers do, and ends with the session.
 *
 * @module
 */
import { createServer } from "@lengthwise/lengthwise";
import { streamConnection } from "@lengthwise/lengthwise/transport";
import { Spelling } from "./spelling.ts";

console.log = console.error; // standard output belongs to the connection

const KNOWN = new Set(["a", "message", "has", "length"]);

const server = createServer(Spelling).handle({
  check(text, { remote }) {
    const words = text.toLowerCase().match(/\p{L}+/gu) ?? [];
    remote.progress({ words: words.length });
    return { unknown: words.filter((word) => !KNOWN.has(word)) };
  },
});
await server.accept(streamConnection("stdio"));
