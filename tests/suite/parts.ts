/**
 * The parts of the test suite. `deno test` starts an isolate for each file that
 * it is given, and each isolate loads and compiles the library again. With a
 * file for each part instead of each test file, the suite takes half the time.
 *
 * @module
 */

/** Folders and files of each part; a path belongs to the longest one that matches. */
export const PARTS: Readonly<Record<string, readonly string[]>> = {
  codec: ["messages/codec/"],
  codec_host: ["messages/codec/host_test.ts"], // changes the classes of msgpackr
  client: ["messages/client/"],
  examples: ["examples/"],
  framing: ["framing/"],
  messages: ["messages/"],
  rest: [""],
  server: ["messages/connection/", "messages/server/"],
  session: ["messages/session/"],
  testing: ["testing/"],
  tls: ["transport/tls/"],
  transport: ["transport/"],
};

/** Imports all tests of the part whose module has this URL. */
export async function importTests(module: string): Promise<void> {
  const part = module.slice(module.lastIndexOf("/") + 1, -".ts".length);
  for (const path of testsIn("").toSorted()) {
    if (partOf(path) === part) {
      await import(new URL(`../${path}`, import.meta.url).href);
    }
  }
}

/** Returns the name of the part to which a test file belongs. */
export function partOf(path: string): string | undefined {
  let found: string | undefined, longest = -1;
  for (const [part, places] of Object.entries(PARTS)) {
    for (const place of places) {
      if (path.startsWith(place) && place.length > longest) {
        found = part;
        longest = place.length;
      }
    }
  }
  return found;
}

/** Returns the paths of the test files in a folder of `tests/`. */
export function testsIn(folder: string): string[] {
  if (folder === "interop/") return []; // tasks of their own
  const entries = Deno.readDirSync(new URL(`../${folder}`, import.meta.url));
  return [...entries].flatMap(({ name, isDirectory }) =>
    isDirectory
      ? testsIn(`${folder}${name}/`)
      : name.endsWith("_test.ts")
      ? [folder + name]
      : []
  );
}
