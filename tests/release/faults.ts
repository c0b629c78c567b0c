/**
 * Checks of a release that files alone can decide.
 *
 * @module
 */

import { MOST, type Score } from "./score.ts";

/** The files of a release. */
export interface Release {
  /** Name of the tag, such as `"v1.2.3"`; absent before the tag exists. */
  readonly tag?: string | undefined;
  /** Version in `deno.json`. */
  readonly version: string;
  /** Text of `CHANGELOG.md`. */
  readonly changelog: string;
  /** Module documentation of each entry by its name in `exports`. */
  readonly docs: ReadonlyMap<string, string>;
  /** Text of `README.md`. */
  readonly readme: string;
  /** Points of JSR's score. */
  readonly score: Score;
  /** Symbols and type parameters without a description. */
  readonly undescribed: readonly string[];
}

const ITEMS = ["readme", "example", "entries", "symbols"] as const;

/** Sections of the changelog; a version must have at least one of them. */
const SECTIONS = /^### (Added|Changed|Deprecated|Removed|Fixed|Security)$/m;

/**
 * Returns the reasons why a release must not be published.
 *
 * The linter (`lint:doc`) and the dry run (`publish:dry`) decide the rest: types
 * that are private or slow to check.
 */
export function faultsOf(release: Release): string[] {
  const { tag, version, changelog, docs, readme } = release;
  const faults: string[] = [];
  if (tag !== undefined && tag !== `v${version}`) {
    faults.push(
      `the tag is ${tag}, but the version in deno.json is ${version}`,
    );
  }
  const section = sectionOf(changelog, version);
  if (tag !== undefined && section === undefined) {
    faults.push(`CHANGELOG.md has no section "## [${version}]" with a date`);
  }
  if (section !== undefined && !SECTIONS.test(section)) {
    faults.push(`CHANGELOG.md says nothing about ${version}`);
  }
  if (!readme.includes("```ts")) faults.push("README.md has no code block");
  for (const [entry, doc] of docs) {
    if (doc === "") faults.push(`the entry "${entry}" has no documentation`);
  }
  for (const name of release.undescribed) {
    faults.push(`${name} has no description`);
  }
  for (const item of ITEMS) {
    const points = release.score[item];
    if (points < MOST[item]) {
      faults.push(
        `JSR's score has ${points} of ${MOST[item]} points for ${item}`,
      );
    }
  }
  return faults;
}

/** Text of the changelog from the heading of a version to the next heading. */
function sectionOf(changelog: string, version: string): string | undefined {
  const sections = changelog.split(/^## /m);
  const heading = `[${version}] - `;
  return sections.find((text) =>
    text.startsWith(heading) &&
    /^\d{4}-\d\d-\d\d$/m.test(text.slice(heading.length).split("\n")[0] ?? "")
  );
}
