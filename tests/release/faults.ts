/**
 * Checks of a release that a checkout alone can decide.
 *
 * @module
 */

import { MOST, type Score } from "./score.ts";

/** The files of a release, and the state of its checkout. */
export interface Release {
  /** Name of the tag, such as `"v1.2.3"`; absent before a release. */
  readonly tag?: string | undefined;
  /** Version in `deno.json`. */
  readonly version: string;
  /** Name and version that the library states in HELLO. */
  readonly agent: string;
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
  /** Files that differ from the commit. */
  readonly changed: readonly string[];
  /** The commit, and that of the tag if the tag exists. */
  readonly head: string;
  readonly tagged?: string | undefined;
  /** The latest date that it is anywhere, such as `"2026-12-31"`. */
  readonly today: string;
}

const ITEMS = ["readme", "example", "entries", "symbols"] as const;

/** Sections of the changelog; a version must have at least one of them. */
const SECTIONS = /^### (Added|Changed|Deprecated|Removed|Fixed|Security)$/m;
const VERSION = /^(\d+)\.(\d+)\.(\d+)(-[0-9a-z.-]+)?$/;

/**
 * Returns the reasons why a release must not be published.
 *
 * The linter (`lint:doc`) and the dry run (`publish:dry`) decide the rest: types
 * that are private or slow to check.
 */
export function faultsOf(release: Release): string[] {
  const { tag, version, agent, changelog, docs, readme } = release;
  const faults: string[] = [];
  if (!VERSION.test(version)) {
    return [`"${version}" in deno.json is not a valid version`];
  }
  if (agent !== `lengthwise/${version}`) {
    faults.push(
      `lib/messages/session/wire/agent.ts states ${agent}, but the version in deno.json is ${version}`,
    );
  }
  if (tag !== undefined) faults.push(...faultsOfTag(release, tag));
  const section = sectionOf(changelog, version);
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

function faultsOfTag(release: Release, tag: string): string[] {
  const { version, changelog, changed, head, tagged, today } = release;
  const faults: string[] = [];
  if (tag !== `v${version}`) {
    faults.push(
      `the tag is ${tag}, but the version in deno.json is ${version}`,
    );
  }
  if (changed.length > 0) {
    faults.push(
      `the checkout differs from its commit in ${changed.join(", ")}`,
    );
  }
  if (tagged !== undefined && tagged !== head) {
    faults.push(`the tag ${tag} is another commit, ${tagged}`);
  }
  const section = sectionOf(changelog, version);
  if (section === undefined) {
    faults.push(`CHANGELOG.md has no section "## [${version}]" with a date`);
    return faults;
  }
  const date = dateOf(section);
  if (Number.isNaN(Date.parse(date)) || date > today) {
    faults.push(`CHANGELOG.md states ${date} as the date of ${version}`);
  }
  const [, unreleased, newest, last] = changelog.split(/^## /m);
  if (!/^\[Unreleased\]\s*$/.test(unreleased ?? "") || newest !== section) {
    faults.push(
      `CHANGELOG.md does not begin with an empty [Unreleased] and [${version}]`,
    );
  }
  const before = /^\[([^\]]+)\]/.exec(last ?? "")?.[1];
  if (before !== undefined) {
    const isBreaking = section.includes("Breaking:");
    if (!follows(version, before, isBreaking)) {
      faults.push(
        `${version} does not follow ${before}${
          isBreaking ? " for a breaking change" : ""
        }`,
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
    text.startsWith(heading) && /^\d{4}-\d\d-\d\d$/.test(dateOf(text))
  );
}

/** Returns the text after the version in a heading. */
function dateOf(section: string): string {
  return /^\[[^\]]*\] - (.*)/.exec(section)?.[1] ?? "";
}

/**
 * Returns whether a version is above another one.
 *
 * A breaking change must raise the first number that is not 0.
 */
function follows(version: string, before: string, isBreaking: boolean) {
  const now = numbersOf(version), then = numbersOf(before);
  const first = then.findIndex((number) => number !== 0);
  const compared = isBreaking && first >= 0 ? first + 1 : 3;
  for (let index = 0; index < compared; index++) {
    if (now[index] !== then[index]) return now[index]! > then[index]!; // both have three numbers
  }
  return before.includes("-") && version !== before;
}

function numbersOf(version: string): number[] {
  return VERSION.exec(version)?.slice(1, 4).map(Number) ?? [0, 0, 0];
}
