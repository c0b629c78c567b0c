/**
 * Prints why this checkout must not be published: `deno task release [TAG]`.
 *
 * @module
 */
import { documentationOf, entryPoints } from "../exports/list.ts";
import { faultsOf } from "./faults.ts";
import { MOST, scoreOf, undescribed } from "./score.ts";

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
  tag: Deno.args[0],
  version,
  changelog: Deno.readTextFileSync("CHANGELOG.md"),
  docs,
  readme,
  score: scoreOf({ readme, entries }),
  undescribed: undescribed({ readme, entries }),
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
