/**
 * Prints why this checkout must not be published: `deno task release [TAG]`.
 *
 * @module
 */
import { documentationOf, entryPoints } from "../exports/list.ts";
import { faultsOf } from "./faults.ts";

const { version } = JSON.parse(Deno.readTextFileSync("deno.json"));
const docs = new Map<string, string>();
for (const [entry, path] of entryPoints()) {
  const [module] = await documentationOf(path);
  docs.set(entry, module?.module_doc?.doc ?? "");
}
const faults = faultsOf({
  tag: Deno.args[0],
  version,
  changelog: Deno.readTextFileSync("CHANGELOG.md"),
  docs,
  readme: Deno.readTextFileSync("README.md"),
});
for (const fault of faults) console.error(`Cannot release: ${fault}`);
if (faults.length > 0) Deno.exit(1);
console.log(`ok ${version}: ${docs.size} entries with documentation`);
