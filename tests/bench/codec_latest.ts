/**
 * Runs all codec tests with the newest msgpackr in a copy of the project.
 *
 * The scan is written against one version of the decoder, so `deno.json` pins
 * it exactly. Before you change the version, run this program. It changes
 * nothing in the project.
 *
 * ```sh
 * deno task codec:latest          # the newest version
 * deno task codec:latest 2.1.4    # this version
 * ```
 *
 * @module
 */
const COPIED = ["deno.json", "deno.lock", "mod.ts", "lib", "tests", "examples"];
const SUITES = [
  "test --no-lock --allow-all tests/messages/codec tests/testing",
  "run --no-lock --no-prompt --v8-flags=--expose-gc tests/fuzz/codec_fuzz.ts 1 200000",
  "run --no-lock --v8-flags=--expose-gc tests/bench/codec_heap.ts 300000",
];

async function copy(from: string, to: string): Promise<void> {
  const { isDirectory } = await Deno.stat(from);
  if (!isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    if (name !== "node_modules") await copy(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Replaces the version of msgpackr wherever it is named. */
async function setVersion(path: string, version: string): Promise<void> {
  const { isDirectory } = await Deno.stat(path);
  if (isDirectory) {
    for await (const { name } of Deno.readDir(path)) {
      await setVersion(`${path}/${name}`, version);
    }
  } else if (/\.(ts|json)$/.test(path)) {
    const text = await Deno.readTextFile(path);
    const changed = text.replace(
      /npm:msgpackr@[\^~]?[\d.]+/g,
      `npm:msgpackr@${version}`,
    ).replaceAll('"--frozen",', '"--no-lock",');
    if (changed !== text) await Deno.writeTextFile(path, changed);
  }
}

async function deno(args: string, cwd: string): Promise<boolean> {
  console.log(`deno ${args}`);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: args.split(" "),
    cwd,
  }).spawn().status;
  return success;
}

async function main(version = "latest"): Promise<boolean> {
  const copied = await Deno.makeTempDir({ prefix: "codec_latest_" });
  try {
    for (const name of COPIED) await copy(name, `${copied}/${name}`);
    for (const name of COPIED) await setVersion(`${copied}/${name}`, version);
    await Deno.remove(`${copied}/deno.lock`);
    let passed = true;
    for (const suite of SUITES) passed = await deno(suite, copied) && passed;
    await deno("info --no-lock npm:msgpackr@" + version, copied);
    return passed;
  } finally {
    await Deno.remove(copied, { recursive: true });
  }
}

if (import.meta.main && !await main(Deno.args[0])) Deno.exit(1);
