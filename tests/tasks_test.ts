/**
 * `deno task` and `.ci/run` stay in step.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";

interface Task {
  description?: string;
  command: string;
}

const { tasks }: { tasks: Record<string, Task> } = JSON.parse(
  Deno.readTextFileSync("deno.json"),
);

Deno.test("every task has a one-line description", () => {
  for (const [name, { description = "" }] of Object.entries(tasks)) {
    assert(/^[^\n]{10,90}$/.test(description), `${name}: "${description}"`);
  }
});

Deno.test("every task consists of commands that are joined with &&", () => {
  for (const [name, { command }] of Object.entries(tasks)) {
    for (const part of command.split(" && ")) {
      assert(
        /^([A-Z]+=\w+ )?[\w./-]+( [^&;|]+)?$/.test(part),
        `${name}: "${part}"`,
      );
      const [program, ...packages] = part.split(" ");
      if (program !== "tests/interop/install") continue;
      assertEquals(packages, [...new Set(packages)], name); // each one once
    }
  }
});

Deno.test(".ci/run runs every task that ok runs", () => {
  const named = [...tasks["ok"]!.command.matchAll(/deno task ([\w:]+)/g)];
  const gate = Deno.readTextFileSync(".ci/run");
  assertEquals(
    named.map(([, name]) => name!).filter((name) =>
      !gate.includes(`\ntask ${name}\n`)
    ),
    [],
  );
});

Deno.test("no task may rewrite the lock file", () => {
  const resolving = /^deno (run|test|check|publish|bundle|bench)\b/;
  for (const [name, { command }] of Object.entries(tasks)) {
    for (const part of command.split(" && ")) {
      assert(!resolving.test(part) || part.includes(" --frozen"), name);
    }
  }
});
