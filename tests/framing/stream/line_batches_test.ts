import { assertEquals } from "@std/assert";
import { lines } from "../../../lib/framing/layouts/lines.ts";
import { LineBatches } from "../../../lib/framing/stream/line_batches.ts";

const pure = { permissions: "none" } as const;

/** Returns the result of a function, and how often it decodes text. */
function countingDecodes<T>(run: () => T): [result: T, decodes: number] {
  const { prototype } = TextDecoder;
  const { decode } = prototype;
  let decodes = 0;
  prototype.decode = function (...input) {
    decodes++;
    return decode.apply(this, input);
  };
  try {
    return [run(), decodes];
  } finally {
    prototype.decode = decode;
  }
}

Deno.test("LineBatches decodes the lines of a chunk together", pure, () => {
  const text = Array.from({ length: 100 }, (_, line) => `line ${line}\n`);
  const chunk = new TextEncoder().encode(text.join(""));
  const batches = new LineBatches(lines().decoder());
  batches.push(chunk.slice(0, 2)); // the first line spans two chunks
  assertEquals(countingDecodes(() => batches.take()), [[], 0]);
  batches.push(chunk.slice(2));
  const [found, decodes] = countingDecodes(() => batches.take());
  assertEquals(found, text.map((line) => line.slice(0, -1)));
  assertEquals(decodes, 2); // of the first line, and of the others
});
