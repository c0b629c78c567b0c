/**
 * The checks before a release.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import type { ModuleDocumentation } from "./exports/list.ts";
import { faultsOf, type Release } from "./release/faults.ts";
import { MOST, scoreOf, undescribed } from "./release/score.ts";

const good: Release = {
  tag: "v1.2.3",
  version: "1.2.3",
  agent: "lengthwise/1.2.3",
  changelog:
    "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n### Added\n\n- x\n\n## [1.2.2] - 2026-11-01\n\n### Fixed\n\n- y\n",
  docs: new Map([[".", "text"]]),
  readme: "```ts\n```",
  score: MOST,
  undescribed: [],
  changed: [],
  head: "abc",
  tagged: "abc",
  today: "2026-12-01",
};

/** Returns the changelog after a replacement. */
function changelog(from: string, to: string): Partial<Release> {
  return { changelog: good.changelog.replace(from, to) };
}

/** Returns the files of another version after 1.2.2. */
function version(version: string): Partial<Release> {
  return {
    tag: `v${version}`,
    version,
    agent: `lengthwise/${version}`,
    ...changelog("[1.2.3]", `[${version}]`),
  };
}

Deno.test("faultsOf() accepts a release whose files agree", () => {
  assertEquals(faultsOf(good), []);
  assertEquals(faultsOf({ ...good, tagged: undefined }), []);
  const { tag: _, ...untagged } = good;
  assertEquals(faultsOf(untagged), []);
  assertEquals(faultsOf({ ...untagged, changelog: "" }), []);
  assertEquals(faultsOf({ ...untagged, changed: ["M mod.ts"] }), []);
  for (const next of ["1.3.0", "2.0.0", "1.2.3-rc.1", "10.0.0"]) {
    assertEquals(faultsOf({ ...good, ...version(next) }), []);
  }
  const breaking = changelog("- x", "- Breaking: x");
  const from02 = breaking.changelog!.replace("[1.2.2]", "[0.2.2]"); // set above
  assertEquals(faultsOf({ ...good, changelog: from02 }), []);
  const first = good.changelog.replace(/## \[1.2.2\][^]*/, "");
  assertEquals(faultsOf({ ...good, changelog: first }), []);
});

Deno.test("faultsOf() names each disagreement", () => {
  const order =
    "CHANGELOG.md does not begin with an empty [Unreleased] and [1.2.3]";
  const changes: [Partial<Release>, string][] = [
    [
      { tag: "1.2.3" },
      "the tag is 1.2.3, but the version in deno.json is 1.2.3",
    ],
    [{ tag: "" }, "the tag is , but the version in deno.json is 1.2.3"],
    [
      { agent: "lengthwise/1.2.2" },
      "lib/messages/session/wire/agent.ts states lengthwise/1.2.2, but the version in deno.json is 1.2.3",
    ],
    [
      { changed: ["M mod.ts", "?? lib/x.ts"] },
      "the checkout differs from its commit in M mod.ts, ?? lib/x.ts",
    ],
    [{ tagged: "def" }, "the tag v1.2.3 is another commit, def"],
    [version("1.2.x"), '"1.2.x" in deno.json is not a valid version'],
    [
      changelog("[1.2.3] - 2026-12-01", "[1.2.3]"),
      'CHANGELOG.md has no section "## [1.2.3]" with a date',
    ],
    [
      changelog("2026-12-01", "2026-12-02"),
      "CHANGELOG.md states 2026-12-02 as the date of 1.2.3",
    ],
    [
      changelog("2026-12-01", "2026-11-99"),
      "CHANGELOG.md states 2026-11-99 as the date of 1.2.3",
    ],
    [changelog("[Unreleased]\n", "[Unreleased]\n\n### Fixed\n\n- z\n"), order],
    [changelog("## [Unreleased]\n\n", ""), order],
    [version("1.2.2"), "1.2.2 does not follow 1.2.2"],
    [version("1.1.9"), "1.1.9 does not follow 1.2.2"],
    [
      changelog("- x", "- Breaking: x"),
      "1.2.3 does not follow 1.2.2 for a breaking change",
    ],
    [
      changelog("### Added", "Added"),
      "CHANGELOG.md says nothing about 1.2.3",
    ],
    [
      { docs: new Map([["./cli", ""]]) },
      'the entry "./cli" has no documentation',
    ],
    [{ readme: "" }, "README.md has no code block"],
    [{ undescribed: ['".": f<T>'] }, '".": f<T> has no description'],
    [
      { score: { ...MOST, symbols: 4 } },
      "JSR's score has 4 of 5 points for symbols",
    ],
  ];
  for (const [change, fault] of changes) {
    assertEquals(faultsOf({ ...good, ...change }), [fault]);
  }
});

Deno.test("scoreOf() and undescribed() look at each public declaration", () => {
  const described = { doc: "Text.", tags: [] };
  const module: ModuleDocumentation = {
    module_doc: { doc: "Text." },
    symbols: [
      { name: "a", declarations: [{ kind: "variable", jsDoc: described }] },
      {
        name: "hidden",
        declarations: [{ kind: "interface", declarationKind: "private" }],
      },
      {
        name: "f",
        declarations: [
          {
            kind: "function",
            jsDoc: { doc: "Text.", tags: [{ kind: "template", name: "T" }] },
            def: { typeParams: [{ name: "T" }, { name: "U" }] },
          },
          { kind: "function", def: { hasBody: true } }, // of the overloads
        ],
      },
      { name: "b", declarations: [{ kind: "variable" }] },
    ],
  };
  const entries = new Map([[".", [module]]]);
  const readme = "~~~";
  // 2 of 3 are 83 % of the 80 % that JSR asks for.
  assertEquals(scoreOf({ readme, entries }), { ...MOST, symbols: 4 });
  assertEquals(undescribed({ readme, entries }), ['".": f<U>', '".": b']);
  const { module_doc: _, ...bare } = module;
  assertEquals(
    scoreOf({ readme: "", entries: new Map([[".", [bare]]]) }),
    { readme: 0, example: 0, entries: 0, symbols: 4 },
  );
});

Deno.test("the workflow publishes a tag after the gate, with an identity and no secret", () => {
  const workflow = Deno.readTextFileSync(".github/workflows/publish.yml");
  const [, ...jobs] = workflow.split(/^ {2}(?=[\w-]+:\n)/m);
  const job = (name: string) =>
    jobs.find((text) => text.startsWith(`${name}:`)) ?? "";
  const runs = (name: string) =>
    [...job(name).matchAll(/- run: (.*)$/gm)].map(([, command]) => command);

  assertEquals(runs("dry-run"), [
    "npx -y deno@2.9.6 task release",
    "npx -y deno@2.9.6 task publish:dry",
    "npx -y deno@2.9.6 task test:jsr",
  ]);
  assertMatch(job("dry-run"), /if: github\.event_name == 'pull_request'/);
  assertMatch(job("gate"), /if: github\.ref_type == 'tag'/);
  assertMatch(job("publish"), /needs: gate/);
  // `deno task test:jsr` runs it.
  assertMatch(
    job("publish"),
    /^ {10}npx -y deno@2\.9\.6 publish --frozen 2>&1/m,
  );
  assertEquals(runs("gate"), [
    "git merge-base --is-ancestor HEAD origin/main",
    'npx -y deno@2.9.6 task release "$GITHUB_REF_NAME"',
    'sudo env "PATH=$PATH" .ci/run',
  ]);
  const withIdentity = jobs.filter((text) => text.includes("id-token: write"));
  assertEquals(withIdentity, [job("publish")]);
  assertEquals(workflow.includes("secrets."), false);
  assertMatch(workflow, /^permissions:\n {2}contents: read$/m);

  // The tasks exist, and all jobs use the version of the gate.
  const { tasks } = JSON.parse(Deno.readTextFileSync("deno.json"));
  for (const [, task = ""] of workflow.matchAll(/deno@\S+ task (\S+)/g)) {
    assertEquals(typeof tasks[task]?.command, "string", task);
  }
  const versions = new Set(
    [workflow, Deno.readTextFileSync(".ci/run")].join("")
      .match(/deno@[\d.]+/g),
  );
  assertEquals(versions.size, 1);
});
