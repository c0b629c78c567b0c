/**
 * Prints why this checkout must not be published: `deno task release [TAG]`.
 *
 * @module
 */
import { AGENT } from "../../lib/messages/session/wire/agent.ts";
import { documentationOf, entryPoints } from "../exports/list.ts";
import { faultsOf } from "./faults.ts";
import { MOST, scoreOf, undescribed } from "./score.ts";

/** The earliest time zone is 14 h ahead. */
const AHEAD = 14 * 3_600_000;

const [tag] = Deno.args;
const { version } = JSON.parse(Deno.readTextFileSync("deno.json"));
const readme = Deno.readTextFileSync("README.md");
const entries = new Map(
  await Promise.all(
    entryPoints().map(async ([entry, path]) =>
      [entry, await documentationOf(path)] as const
    ),
  ),
);
const docs = new Map(
  [...entries].map(([entry, [module]]) =>
    [entry, module?.module_doc?.doc ?? ""] as const
  ),
);
const faults = faultsOf({
  tag,
  version,
  agent: AGENT,
  changelog: Deno.readTextFileSync("CHANGELOG.md"),
  docs,
  readme,
  score: scoreOf({ readme, entries }),
  undescribed: undescribed({ readme, entries }),
  ...tag === undefined ? { changed: [], head: "" } : await checkout(tag),
  today: new Date(Date.now() + AHEAD).toISOString().slice(0, 10),
});
for (const fault of faults) console.error(`Cannot release: ${fault}`);
if (faults.length > 0) Deno.exit(1);
const points = Object.values(MOST).reduce((sum, each) => sum + each, 0);
console.log(`ok ${version}: ${docs.size} entries with documentation`);
console.log(
  `JSR's score: ${points} of 17 points here, 5 by publish:dry (no slow types), ` +
    "1 by the workflow (provenance), 3 by the package's settings " +
    "(description, two runtimes)",
);

/** Returns the state of the checkout; the tag may not exist yet. */
async function checkout(tag: string) {
  const tagged = await git("rev-parse", "--verify", "--quiet", `${tag}^{}`);
  return {
    changed: (await git("status", "--porcelain") ?? "no repository")
      .split("\n").filter((line) => line !== ""),
    head: await git("rev-parse", "HEAD") ?? "",
    tagged,
  };
}

/** Returns the output of git; `undefined` if it fails. */
async function git(...args: string[]): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("git", {
    args,
    stderr: "null",
  }).output();
  return success ? new TextDecoder().decode(stdout).trim() : undefined;
}
