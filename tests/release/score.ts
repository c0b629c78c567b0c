/**
 * JSR's score of a package, as far as files decide it, and what a reader of the
 * documentation misses beyond that.
 *
 * JSR counts 17 points: README (2), an example in it (1), documentation of all
 * entries (1) and of 80 % of the symbols (5), no slow types (5), provenance (1),
 * a description (1), one runtime (1) and another (1).
 *
 * @module
 */
import type { ModuleDocumentation } from "../exports/list.ts";

/** The documentation of a package. */
export interface PackageDocumentation {
  /** Text of `README.md`; `""` if it is absent. */
  readonly readme: string;
  /** The modules of each entry by its name in `exports`. */
  readonly entries: ReadonlyMap<string, readonly ModuleDocumentation[]>;
}

/** Points of JSR's score, by what they are for. */
export interface Score {
  /** A README, or documentation of the main entry. */
  readonly readme: number;
  /** An example in it. */
  readonly example: number;
  /** Documentation of each entry. */
  readonly entries: number;
  /** Documentation of symbols. */
  readonly symbols: number;
}

/** All points of {@linkcode Score}. */
export const MOST: Score = { readme: 2, example: 1, entries: 1, symbols: 5 };

/** Share of symbols whose documentation gets all points. */
const ENOUGH = 0.8;

/** Returns the points that files decide, without those for fast types. */
export function scoreOf({ readme, entries }: PackageDocumentation): Score {
  const modules = [...entries.values()].flat();
  const symbols = modules.flatMap(declarationsOf);
  const documented = symbols.filter(({ jsDoc }) => jsDoc !== undefined);
  const share = symbols.length === 0 ? 1 : documented.length / symbols.length;
  return {
    readme: readme === "" ? 0 : MOST.readme,
    example: /```|~~~/.test(readme) ? MOST.example : 0,
    entries: modules.every(({ module_doc }) => module_doc !== undefined)
      ? MOST.entries
      : 0,
    symbols: Math.floor(Math.min(1, share / ENOUGH) * MOST.symbols),
  };
}

/** Returns the symbols and type parameters that have no description. */
export function undescribed(documentation: PackageDocumentation): string[] {
  const found = new Set<string>();
  for (const [entry, modules] of documentation.entries) {
    for (const declaration of modules.flatMap(declarationsOf)) {
      const { name, jsDoc, def } = declaration;
      if (jsDoc === undefined) found.add(`"${entry}": ${name}`);
      const described = (jsDoc?.tags ?? [])
        .filter(({ kind }) => kind === "template").map(({ name }) => name);
      for (const parameter of def?.typeParams ?? []) {
        if (described.includes(parameter.name)) continue;
        found.add(`"${entry}": ${name}<${parameter.name}>`);
      }
    }
  }
  return [...found];
}

/** Public declarations, without the bodies of overloaded functions. */
function declarationsOf({ symbols }: ModuleDocumentation) {
  return symbols.flatMap(({ name, declarations }) => {
    const open = declarations.filter(({ declarationKind }) =>
      declarationKind !== "private"
    );
    const overloaded = open.length > 1 &&
      open.every(({ kind }) => kind === "function");
    return open.filter(({ def }) => !(overloaded && def?.hasBody === true))
      .map((declaration) => ({ ...declaration, name }));
  });
}
