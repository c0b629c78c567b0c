/**
 * The sizes of clients for browsers: bundled, minified and compressed.
 *
 * Each limit is a little above the size that was reached. Lower it with the
 * size, so that what was gained is kept.
 *
 * @module
 */
import { assert } from "@std/assert";
import { gzipSync } from "node:zlib";
import { bundle } from "./bundle.ts";

const PROTOCOL = `const Site = protocol({
  name: "site",
  server: { hello: unary<string, string>() },
});`;

/** Returns a client that makes one call. */
function client(codec: "json" | "msgpack", plugin?: string): string {
  const more = plugin === undefined ? "" : `, ${plugin}`;
  return `
    import { createClient, protocol, unary${more} } from "@lengthwise/lengthwise/browser";
    import { ${codec} } from "@lengthwise/lengthwise/${codec}";
    ${PROTOCOL}
    const client = createClient(Site, "wss://site.example/", {
      codecs: [${codec}()],
      plugins: { ${plugin ?? ""} },
    });
    document.title = await client.remote.hello("page");`;
}

/** Programs, and the most bytes of each one after gzip. */
const PROGRAMS:
  readonly (readonly [name: string, text: string, most: number])[] = [
    ["nothing used", `import "@lengthwise/lengthwise/browser";`, 1_900],
    [
      "protocol, unary",
      `import { protocol, unary } from "@lengthwise/lengthwise/browser";
      ${PROTOCOL}
      document.title = Site.name;`,
      6_000,
    ],
    ["client with json()", client("json"), 83_300],
    ["client with msgpack()", client("msgpack"), 100_900],
  ];

/** Plugins, and the most bytes that each one adds to a client with `json()`. */
const PLUGINS: readonly (readonly [name: string, most: number])[] = [
  ["serving", 13_500],
  ["resumption", 2_100],
  ["once", 1_200],
  ["observing", 2_900],
];

/** Extensions, and the most bytes that they add to a client with `json()`. */
const EXTENSIONS: readonly (readonly [names: string, most: number])[] = [
  ["maps", 4_100],
  ["maps, sets, urls, dates", 4_400],
  ["...jsonValues", 5_800],
];

/** Returns a client with `json()` and extensions. */
function extended(names: string): string {
  return client("json")
    .replace("codecs: [json()]", `codecs: [extendCodec(json(), [${names}])]`) +
    `import { extendCodec, ${
      names.replace("...", "")
    } } from "@lengthwise/lengthwise/extensions";`;
}

/** Returns the size of a program after gzip. */
async function sizeOf(text: string): Promise<number> {
  const program = await Deno.makeTempFile({
    dir: "tests/browser",
    suffix: ".ts",
  });
  try {
    await Deno.writeTextFile(program, text);
    const bundled = await bundle(program, "--minify");
    assert(!bundled.includes("node:"), "a bundler would meet `node:`");
    return gzipSync(bundled, { level: 9 }).length;
  } finally {
    await Deno.remove(program);
  }
}

function check(name: string, size: number, most: number): void {
  const kilobytes = (size / 1000).toFixed(1).padStart(6);
  console.log(`${kilobytes} kB  ${name} (at most ${most / 1000})`);
  assert(size <= most, `${name}: ${size} bytes, at most ${most} are allowed`);
}

Deno.test("bundles for browsers stay small", async () => {
  for (const [name, text, most] of PROGRAMS) {
    check(name, await sizeOf(text), most);
  }
  const plain = await sizeOf(client("json"));
  for (const [plugin, most] of PLUGINS) {
    const size = await sizeOf(client("json", plugin));
    check(`+ plugin ${plugin}`, size - plain, most);
  }
  for (const [names, most] of EXTENSIONS) {
    check(`+ ${names}`, await sizeOf(extended(names)) - plain, most);
  }
});
