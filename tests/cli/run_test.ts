import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../lib/cli/command_table.ts";
import { CliError, EXIT } from "../../lib/cli/errors.ts";
import { exitCodeOf } from "../../lib/cli/failures.ts";
import {
  CALL_ERROR_CODES,
  CallError,
} from "../../lib/messages/errors/call_error.ts";
import { runCli } from "./kit.ts";

Deno.test("--help begins with an example and lists commands and exit codes", async () => {
  const { code, stdout, stderr } = await runCli(["--help"]);
  assertEquals([code, stderr], [0, ""]);
  assert(stdout.startsWith("Example:"), stdout);
  for (const name of Object.keys(COMMANDS)) {
    assertStringIncludes(stdout, `\n  ${name} `);
  }
  for (const text of ["64 + n", "130", "66 deadline", "80 gap"]) {
    assertStringIncludes(stdout, text);
  }
  for (const line of stdout.split("\n")) assert(line.length <= 80, line);
});

Deno.test("each command's --help begins with an example", async () => {
  for (const name of Object.keys(COMMANDS)) {
    const { code, stdout } = await runCli([name, "--help"]);
    assertEquals(code, 0);
    const [examples = ""] = stdout.split("\nUsage:");
    const many = examples.split("\n  # ").length > 2;
    assert(stdout.startsWith(`Example${many ? "s" : ""}:\n\n  # `), stdout);
    assertStringIncludes(stdout, `Usage: lengthwise ${name}`);
    for (const line of stdout.split("\n")) assert(line.length <= 100, line);
    assert(!stdout.includes("undefined"), stdout); // not all have notes
  }
  const { stdout } = await runCli(["ls", "--help"]);
  assertStringIncludes(stdout, "\nThe server must serve Introspection.\n");
});

Deno.test("--help fits into a terminal, except for commands to copy", async () => {
  const given = { isTTY: true, columns: 60 };
  const { COMMANDS } = await import("../../lib/cli/command_table.ts");
  for (const args of [[], ...Object.keys(COMMANDS).map((name) => [name])]) {
    const { stdout } = await runCli([...args, "--help"], given);
    const long = stdout.split("\n").filter((line) =>
      line.length > 60 && !line.startsWith("  lengthwise ")
    );
    assertEquals(long, []);
    const { stdout: piped } = await runCli([...args, "--help"]);
    const words = (text: string) => text.split(/\s+/).join(" ");
    assertEquals(words(stdout), words(piped)); // nothing is lost
  }
});

Deno.test("--version prints name and version", async () => {
  const { code, stdout } = await runCli(["--version"]);
  assertEquals(code, 0);
  const { version } = JSON.parse(Deno.readTextFileSync("deno.json"));
  assertEquals(stdout, `lengthwise/${version}\n`);
});

Deno.test("arguments that are not valid end with 2 and say what is expected", async () => {
  const cases: readonly [args: string[], text: string][] = [
    [[], "Usage:"],
    [["frmes"], 'did you mean "frames"'],
    [["frames"], "Expected 1 argument, received 0"],
    [["call", "tcp://test:1"], "lengthwise call <url> <method> [json"],
    [["frames", "a", "b"], 'Unexpected argument "b"'],
    [["frames", "a", "--framng", "x"], 'did you mean "--framing"'],
    [["frames", "a", "--framing"], "argument missing"],
    [["frames", "a", "-5"], "-- -5"],
    [["frames", "a", "--format", "xml"], "expected one of auto"],
    [["frames", "missing"], "no such file"],
  ];
  for (const [args, text] of cases) {
    const { code, stdout, stderr } = await runCli(args);
    assertEquals([code, stdout], [2, ""], stderr);
    assertStringIncludes(stderr, text);
  }
});

Deno.test("each code of a call has an exit code of its own", () => {
  const codes = CALL_ERROR_CODES.map((code) =>
    exitCodeOf(new CallError("it failed", { code }))
  );
  assertEquals(codes, CALL_ERROR_CODES.map((_, index) => 64 + index));
  assertEquals(exitCodeOf(new CliError("x", { code: "no" })), EXIT.no);
  assertEquals(exitCodeOf(new Error("x")), EXIT.fault);
});

Deno.test("a closed pipe ends a command with 0 and prints nothing", async () => {
  const broken = Object.assign(new Error("broken"), { name: "BrokenPipe" });
  const { code, stderr } = await runCli(["frames", "-", "--framing", "lines"], {
    stdin: "a\nb\n",
    onOutput: () => Promise.reject(broken),
  });
  assertEquals([code, stderr], [0, ""]);
});
