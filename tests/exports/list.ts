/**
 * Lists every exported name with its kind, per entry point.
 *
 * `deno task exports` prints the list. It is committed as `names.txt`, so that
 * a review shows each change of the public API.
 *
 * @module
 */

/** The committed list. */
export const COMMITTED = "tests/exports/names.txt";

/** The output of `deno doc --json`, as far as it is used. */
interface Documentation {
  nodes: Record<string, ModuleDocumentation>;
}

/** Documentation of one module. */
export interface ModuleDocumentation {
  module_doc?: { doc?: string; tags?: { kind: string; doc?: string }[] };
  symbols: {
    name: string;
    declarations: {
      kind: string;
      declarationKind?: string;
      jsDoc?: { doc?: string; tags?: { kind: string; name?: string }[] };
      def?: { typeParams?: { name: string }[]; hasBody?: boolean };
    }[];
  }[];
}

/** Entry points by their name in deno.json, as `[name, path]`. */
export function entryPoints(): [name: string, path: string][] {
  const { exports } = JSON.parse(Deno.readTextFileSync("deno.json"));
  return Object.entries<string>(exports);
}

/** Names of an entry point in the committed list, with their kinds. */
export function committedNames(entry: string): [kind: string, name: string][] {
  const section = Deno.readTextFileSync(COMMITTED).split("# ")
    .find((section) => section.startsWith(`${entry}\n`));
  return (section ?? "").split("\n").slice(1).filter((line) => line !== "")
    .map((line) => line.split(" ") as [kind: string, name: string]);
}

/** Returns the documentation of an entry point. */
export async function documentationOf(
  path: string,
): Promise<ModuleDocumentation[]> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--frozen", "--json", path],
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  const documentation: Documentation = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  return Object.values(documentation.nodes);
}

/** Returns the lines `kind name` of an entry point, sorted by name. */
async function namesOf(path: string): Promise<string[]> {
  return (await documentationOf(path)).flatMap(({ symbols }) => symbols)
    .map(({ name, declarations }) => {
      const kinds = new Set(declarations.map(({ kind }) => kind));
      return { name, kinds: [...kinds].sort().join("+") };
    })
    .sort((a, b) => a.name < b.name ? -1 : 1)
    .map(({ name, kinds }) => `${kinds} ${name}`);
}

/** Returns the complete list. */
export async function listExports(): Promise<string> {
  const parts = await Promise.all(
    entryPoints().map(async ([name, path]) => {
      return `# ${name}\n${(await namesOf(path)).join("\n")}\n`;
    }),
  );
  return parts.join("\n");
}

if (import.meta.main) {
  await Deno.stdout.write(new TextEncoder().encode(await listExports()));
}
