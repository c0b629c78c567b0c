/**
 * The checks before a release.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { faultsOf, type Release } from "./release/faults.ts";

const good: Release = {
  tag: "v1.2.3",
  version: "1.2.3",
  changelog:
    "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n### Added\n\n- x\n\n## [1.2.2] - 2026-11-01\n\n### Fixed\n\n- y\n",
  docs: new Map([[".", "text"]]),
  readme: "```ts\n```",
};

Deno.test("faultsOf() accepts a release whose files agree", () => {
  assertEquals(faultsOf(good), []);
  const { tag: _, ...untagged } = good;
  assertEquals(faultsOf(untagged), []);
  assertEquals(faultsOf({ ...untagged, changelog: "" }), []);
});

Deno.test("faultsOf() names each disagreement", () => {
  const changes: [Partial<Release>, string][] = [
    [
      { tag: "1.2.3" },
      "the tag is 1.2.3, but the version in deno.json is 1.2.3",
    ],
    [
      { changelog: good.changelog.replace("[1.2.3] - 2026-12-01", "[1.2.3]") },
      'CHANGELOG.md has no section "## [1.2.3]" with a date',
    ],
    [
      { changelog: good.changelog.replace("### Added", "Added") },
      "CHANGELOG.md says nothing about 1.2.3",
    ],
    [
      { docs: new Map([["./cli", ""]]) },
      'the entry "./cli" has no documentation',
    ],
    [{ readme: "" }, "README.md has no code block"],
  ];
  for (const [change, fault] of changes) {
    assertEquals(faultsOf({ ...good, ...change }), [fault]);
  }
});
