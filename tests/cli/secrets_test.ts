import { assertEquals, assertRejects } from "@std/assert";
import { CliError } from "../../lib/cli/errors.ts";
import { readInput, readInputs } from "../../lib/cli/inputs.ts";
import type { Io } from "../../lib/cli/io.ts";
import { readCredentials, readFileText } from "../../lib/cli/secrets.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Returns surroundings with files, variables and standard input. */
function surroundings(stdin = ""): Io {
  const files: Record<string, string> = {
    a: '"x"',
    b: "1\n\n2",
    text: "t\r\n",
  };
  async function* read(text: string | undefined) {
    await Promise.resolve();
    if (text === undefined) throw new Error("no such file");
    for (const character of text) yield new TextEncoder().encode(character);
  }
  const io: Partial<Io> = {
    stdin: read(stdin),
    readFile: (path) =>
      path === "locked"
        ? {
          [Symbol.asyncIterator]() {
            throw Object.assign(new Error("denied"), { name: "NotCapable" });
          },
        }
        : read(files[path]),
    env: (name) => name === "KEY" ? "[1]" : name === "EMPTY" ? "" : undefined,
  };
  return io as Io; // nothing else is used
}

async function failure(work: Promise<unknown>): Promise<[string, string]> {
  const { code, message, hint = "" } = await assertRejects(
    () => work,
    CliError,
  );
  assertEquals(code, "usage");
  return [message, hint];
}

Deno.test(
  "readCredentials() reads a file, a variable or standard input",
  none,
  async () => {
    const read = (given: string, stdin = "") =>
      readCredentials(given, surroundings(stdin));
    assertEquals(await read("@a"), "x");
    assertEquals(await read("@text"), "t"); // text, without its line feed
    assertEquals(await read("env:KEY"), [1]);
    assertEquals(await read("env:EMPTY"), "");
    assertEquals(await read("-", "secret\n\n"), "secret\n");
    const [missing] = await failure(read("env:NONE"));
    assertEquals(missing, 'The environment variable "NONE" is not set');
    const [plain, hint] = await failure(read("secret"));
    assertEquals([plain.includes("secret"), hint.includes("env:NAME")], [
      false,
      true,
    ]);
  },
);

Deno.test(
  "readFileText() explains files that cannot be read",
  none,
  async () => {
    assertEquals(await readFileText("a", surroundings()), '"x"');
    assertEquals(await failure(readFileText("none", surroundings())), [
      'Cannot read "none": no such file',
      "",
    ]);
    assertEquals(await failure(readFileText("locked", surroundings())), [
      'Cannot read "locked": denied',
      "run the command with --allow-read=locked",
    ]);
  },
);

Deno.test(
  "readInput() and readInputs() read arguments, files and standard input",
  none,
  async () => {
    const one = (given?: string, stdin = "") =>
      readInput(given, surroundings(stdin));
    const many = (given?: string, stdin = "") =>
      Array.fromAsync(readInputs(given, surroundings(stdin)));
    assertEquals([await one(), await many()], [undefined, []]);
    assertEquals([await one("[1]"), await many("[1]")], [[1], [[1]]]);
    assertEquals([await one("@a"), await many("@b")], ["x", [1, 2]]);
    assertEquals([await one("-", "3\n"), await many("-", "3\n\r\n4\n")], [3, [
      3,
      4,
    ]]);
    assertEquals(await many("-", ""), []);
    const first = async (work: Promise<unknown>) => (await failure(work))[0];
    assertEquals(
      (await first(one("x"))).startsWith("Cannot read the input as"),
      true,
    );
    assertEquals(
      (await first(one("@text"))).startsWith("Cannot read text as"),
      true,
    );
    assertEquals(
      (await first(one("-", "x"))).startsWith("Cannot read standard input as"),
      true,
    );
    assertEquals(
      (await first(many("x"))).startsWith("Cannot read the input as"),
      true,
    );
    assertEquals(
      (await first(many("@text"))).startsWith("Cannot read text, line 1 as"),
      true,
    );
    assertEquals(
      (await first(many("-", "1\n\nx"))).startsWith(
        "Cannot read standard input, line 3 as",
      ),
      true,
    );
    assertEquals(
      await first(many("@none")),
      'Cannot read "none": no such file',
    );
  },
);
