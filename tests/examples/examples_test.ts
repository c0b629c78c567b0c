/**
 * Every program in `examples/` runs, with the permissions that its first line
 * names and no others, ends by itself with status 0, and complains of nothing.
 *
 * Programs are the files right in `examples/` and each `main.ts` in a folder
 * below it; other files are their parts.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";

/** Programs that other tests run, and which. */
const RUN_ELSEWHERE: Record<string, string> = {
  "examples/postgres/main.ts": "tests/interop/servers/postgres_test.ts",
};

/** A program that has not ended by then never will. */
const HANGS_AFTER = 60_000;

const SHEBANG = /^#!\/usr\/bin\/env -S deno run((?: --[\w=.,:@/-]+)*)$/;

for (const path of programs("examples")) {
  if (Object.hasOwn(RUN_ELSEWHERE, path)) continue;
  Deno.test(`${path} runs with the permissions in its first line`, async () => {
    const flags = flagsOf(path);
    const { code, signal, stdout, stderr } = await new Deno.Command(
      Deno.execPath(),
      {
        args: ["run", "--frozen", "--no-prompt", ...flags, path],
        stdin: "null",
        env: { NO_COLOR: "1" },
        signal: AbortSignal.timeout(HANGS_AFTER),
      },
    ).output();
    const errors = new TextDecoder().decode(stderr);
    assertEquals({ code, signal }, { code: 0, signal: null }, errors);
    assertEquals(errors, "");
    assert(stdout.length > 0, "It says nothing of what it does");
  });
}

Deno.test("examples that are run elsewhere exist", () => {
  const known = programs("examples");
  for (const path of Object.keys(RUN_ELSEWHERE)) {
    assert(known.includes(path), `${path} is not there`);
  }
});

/** The flags in a program's first line, which must not be wide. */
function flagsOf(path: string): string[] {
  const [first = ""] = Deno.readTextFileSync(path).split("\n");
  assertMatch(first, SHEBANG, `${path}: no "deno run" with flags in line 1`);
  const flags = (SHEBANG.exec(first)?.[1] ?? "").split(" ").filter(Boolean);
  for (const flag of flags) {
    assert(
      /^--allow-(net|read|write|run|env|sys)=/.test(flag),
      `${path}: ${flag} is wider than it must be, or no permission`,
    );
  }
  return flags;
}

function programs(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    if (isDirectory) {
      return programs(`${folder}/${name}`).filter((path) =>
        path.endsWith("/main.ts")
      );
    }
    return name.endsWith(".ts") ? [`${folder}/${name}`] : [];
  }).sort();
}
