/**
 * Runs examples with the permissions that their first line names.
 *
 * @module
 */
import { assert, assertMatch } from "@std/assert";

/** Milliseconds after which a program is considered hanging. */
const HANGS_AFTER = 60_000;

const SHEBANG = /^#!\/usr\/bin\/env -S deno run((?: --[\w=.,:@/-]+)*)$/;

/** Runs a program to its end. */
export async function runExample(
  path: string,
  flags: readonly string[],
): Promise<Deno.CommandOutput> {
  return await new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", "--no-prompt", ...flags, path],
    stdin: "null",
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(HANGS_AFTER),
  }).output();
}

/** Returns the flags in a program's first line, which must be narrow. */
export function flagsOf(path: string): string[] {
  const [first = ""] = Deno.readTextFileSync(path).split("\n");
  assertMatch(first, SHEBANG, `${path}: no "deno run" with flags in line 1`);
  const flags = (SHEBANG.exec(first)?.[1] ?? "").split(" ").filter(Boolean);
  for (const flag of flags) {
    assert(
      /^--allow-(net|read|write|run|env|sys)=/.test(flag),
      `${path}: ${flag} is broader than necessary, or not a permission`,
    );
  }
  return flags;
}

/** Fails if a program also runs without one of its permissions. */
export async function needsEachFlag(path: string): Promise<void> {
  const flags = flagsOf(path);
  for (const left of flags) {
    const others = flags.filter((flag) => flag !== left);
    const { code, stdout, stderr } = await runExample(path, others);
    assert(code !== 0, `${path} also runs without ${left}`);
    const text = new TextDecoder();
    const printed = text.decode(stdout) + text.decode(stderr);
    assertMatch(printed, /Requires \w+ access/, `${path} without ${left}`);
  }
}
