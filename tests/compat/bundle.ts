/**
 * Bundles a version of the library for the compatibility tests.
 *
 * Run it for each release, before the next change: the tests then compare each
 * version with the one before.
 *
 * Usage: deno run -A tests/compat/bundle.ts COMMIT
 *
 * @module
 */

/** The bundle, compressed. */
export const BUNDLE = "tests/compat/previous.js.gz";

async function run(
  command: string,
  args: string[],
  cwd: string,
): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args, cwd })
    .output();
  if (success) return;
  throw new Error(`${command} fails: ${new TextDecoder().decode(stderr)}`);
}

async function bundle(commit: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await run("git", ["clone", "--quiet", ".", folder], ".");
    await run("git", ["checkout", "--quiet", commit], folder);
    await Deno.mkdir(`${folder}/tests/compat`, { recursive: true });
    const entry = "tests/compat/entry.ts";
    await Deno.copyFile(entry, `${folder}/${entry}`);
    const output = `${folder}/previous.js`;
    const options = ["--frozen", "--quiet", "--minify", "--platform=deno"];
    await run(
      Deno.execPath(),
      ["bundle", ...options, `--output=${output}`, entry],
      folder,
    );
    const file = await Deno.open(output);
    await Deno.writeFile(
      BUNDLE,
      file.readable.pipeThrough(new CompressionStream("gzip")),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const [commit] = Deno.args;
  if (commit === undefined) {
    throw new Error("Cannot bundle: name the commit of the version");
  }
  await bundle(commit);
}
