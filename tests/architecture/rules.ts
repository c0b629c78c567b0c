/**
 * The rules of CONTRIBUTING.md as functions from facts to violations. Each
 * violation reads `file:line: rule`.
 *
 * @module
 */
import type { Effect, Import, SourceFile } from "./source.ts";

/** Every source file of the library by its path. */
export type Sources = ReadonlyMap<string, SourceFile>;

/** Lowest first: a layer may import itself and the ones before it. */
export const LAYERS = ["transport", "framing", "messages"] as const;

/** Lines of code that no file may exceed. */
export const MAX_CODE_LINES = 300;

/** Lines of code that no function may exceed. */
export const MAX_FUNCTION_LINES = 60;

/** Files beside the pure ones that are not pure, and why. */
export const NOT_PURE: Readonly<Record<string, string>> = {
  "lib/framing/frame_stream.ts": "the pump: a connection on one side",
  "lib/framing/_pump.ts": "what frame_stream.ts hands out",
  "lib/framing/_incoming.ts": "the pump's read loop",
  "lib/framing/_outgoing.ts": "the pump's write loop",
  "lib/framing/_turn.ts": "how the pump gives the event loop a turn",
  "lib/framing/streams.ts": "web streams",
  "lib/framing/compliance.ts": "awaits what a test framework hands it",
  "lib/messages/codec/compliance.ts": "awaits what a test framework hands it",
};

const WHY: Record<Effect, string> = {
  Deno: "only lib/transport/ may mention Deno",
  clock: "pure code gets the time as an argument",
  randomness: "pure code gets random bytes as an argument",
  timer: "pure code says when it wants to be called; the shell arms the timer",
  promise: "pure code never waits",
  using: "not every engine reads it yet (Node.js from 24 on): try … finally",
};

/** messages → framing → transport, types only below framing, nothing outside lib. */
export function layering(file: SourceFile): string[] {
  const own = layerOf(file.path);
  if (file.path === "mod.ts") return []; // the front door shows every layer
  if (own === -1) return [at(file, { line: 1 }, "lies in no layer")];
  return file.imports.flatMap((imported) => {
    const target = resolve(file.path, imported);
    if (target === undefined) return [];
    const other = layerOf(target);
    if (other === -1) {
      return [at(file, imported, `imports ${target}: outside lib/`)];
    }
    if (other > own) {
      return [at(
        file,
        imported,
        `imports ${target}: ${LAYERS[own]} knows nothing of ${LAYERS[other]}`,
      )];
    }
    if (own === 1 && other === 0 && !imported.typeOnly) {
      return [at(
        file,
        imported,
        `imports ${target}: framing takes transport by \`import type\` only`,
      )];
    }
    return [];
  });
}

/** Only the transport layer mentions `Deno`. */
export function denoOnlyInTransport(file: SourceFile): string[] {
  if (file.path.startsWith("lib/transport/")) return [];
  return file.uses.filter(({ effect }) => effect === "Deno").map((use) =>
    at(file, use, `${use.what}: ${WHY.Deno}`)
  );
}

/** No module asks for `node:` while it loads: it would not load in a browser. */
export function noNodeAtLoad(file: SourceFile): string[] {
  return file.imports.filter(({ specifier, typeOnly, atLoad }) =>
    specifier.startsWith("node:") && atLoad && !typeOnly
  ).map((imported) =>
    at(
      file,
      imported,
      `imports ${imported.specifier} at load: use import() where a function needs it`,
    )
  );
}

/** No syntax that Node.js 20 and 22 and some browsers cannot read. */
export function noUsing(file: SourceFile): string[] {
  return file.uses.filter(({ effect }) => effect === "using").map((use) =>
    at(file, use, `${use.what}: ${WHY.using}`)
  );
}

/** A `mod.ts` is a list of names. */
export function modOnlyReExports(file: SourceFile): string[] {
  if (!file.path.endsWith("mod.ts")) return [];
  return file.ownStatements.map((line) =>
    at(file, { line }, "a mod.ts only re-exports")
  );
}

/** A helper lives in the lowest layer that needs it. */
export function noJunkDrawer(file: SourceFile): string[] {
  const drawer = /(^|\/)(common|utils?|helpers?|misc|shared)(\/|\.ts$)/;
  return drawer.test(file.path)
    ? [
      at(
        file,
        { line: 1 },
        "no common, util, helper, misc or shared folders or files",
      ),
    ]
    : [];
}

/** Small functions. */
export function functionsNotTooLong(file: SourceFile): string[] {
  return file.functions.filter(({ codeLines }) =>
    codeLines > MAX_FUNCTION_LINES
  ).map((long) =>
    at(
      file,
      long,
      `a function of ${long.codeLines} lines, ${MAX_FUNCTION_LINES} are allowed`,
    )
  );
}

/** Small files. */
export function notTooLong(file: SourceFile): string[] {
  return file.codeLines > MAX_CODE_LINES
    ? [at(
      file,
      { line: 1 },
      `${file.codeLines} lines of code, ${MAX_CODE_LINES} are allowed: split it by purpose`,
    )]
    : [];
}

/** All of framing but the pump, the codecs, the session. */
export function isPure(path: string): boolean {
  if (path.endsWith("/mod.ts") || Object.hasOwn(NOT_PURE, path)) return false;
  return path.startsWith("lib/framing/") ||
    path.startsWith("lib/messages/codec/") ||
    path.startsWith("lib/messages/session/");
}

/** Pure files, and all that they import by value, touch nothing of the outer world. */
export function purity(sources: Sources): string[] {
  const reached = new Map<string, string>(); // path → the pure file that needs it
  const queue = [...sources.keys()].filter(isPure).map((path) => [path, path]);
  for (let next; (next = queue.pop());) {
    const [path, root] = next as [string, string];
    if (reached.has(path)) continue;
    reached.set(path, root);
    for (const imported of sources.get(path)?.imports ?? []) {
      const target = resolve(path, imported);
      if (target !== undefined && !imported.typeOnly) {
        queue.push([target, root]);
      }
    }
  }
  return [...reached].flatMap(([path, root]) => {
    const via = path === root ? "" : ` (the pure ${root} imports it)`;
    const file = sources.get(path);
    const uses = file?.uses.filter(({ effect }) => effect !== "using") ?? [];
    return uses.map((use) =>
      at(file!, use, `${use.what}: ${WHY[use.effect]}${via}`)
    );
  });
}

/** No file needs itself, be it only for types. */
export function noCycles(sources: Sources): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: string[]) => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      cycles.push(
        `${path}:1: import cycle ${[...trail.slice(start), path].join(" → ")}`,
      );
      return;
    }
    if (done.has(path)) return;
    for (const imported of sources.get(path)?.imports ?? []) {
      const target = resolve(path, imported);
      if (target !== undefined) visit(target, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  return cycles;
}

/** Every file is part of what the entry points export. */
export function noOrphans(
  sources: Sources,
  entryPoints: readonly string[],
): string[] {
  const reached = new Set<string>();
  const queue = [...entryPoints];
  for (let path; (path = queue.pop()) !== undefined;) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const imported of sources.get(path)?.imports ?? []) {
      const target = resolve(path, imported);
      if (target !== undefined) queue.push(target);
    }
  }
  return [...sources.values()].filter(({ path }) => !reached.has(path)).map(
    (file) => at(file, { line: 1 }, "nothing that is exported needs it"),
  );
}

/**
 * Each source file that leaves code behind has `tests/<layer>/…/<name>_test.ts`.
 * A `_private.ts` file may be tested through the file that it belongs to.
 *
 * @param exceptions path → why there is none
 */
export function eachFileHasItsTest(
  sources: Sources,
  tests: ReadonlySet<string>,
  exceptions: Readonly<Record<string, string>>,
): string[] {
  const isTested = (path: string, trail: string[] = []): boolean =>
    candidates(path).some((name) => tests.has(name)) ||
    (/\/_[^/]+$/.test(path) && !trail.includes(path) &&
      importersOf(path, sources).some((user) =>
        isTested(user, [...trail, path])
      ));
  const violations = [...sources.values()].flatMap((file) => {
    const tested = file.typesOnly || file.path.endsWith("mod.ts") ||
      isTested(file.path);
    const excepted = Object.hasOwn(exceptions, file.path);
    if (excepted && tested) {
      return [at(file, { line: 1 }, "is listed as an exception without need")];
    }
    if (tested || excepted) return [];
    const wanted = candidates(file.path)[0];
    return [at(file, { line: 1 }, `has no test file ${wanted}`)];
  });
  const stale = Object.keys(exceptions).filter((path) => !sources.has(path));
  return violations.concat(
    stale.map((path) =>
      `${path}:1: is listed as an exception but is not there`
    ),
  );
}

function importersOf(path: string, sources: Sources): string[] {
  return [...sources.values()].filter((file) =>
    file.imports.some((imported) => resolve(file.path, imported) === path)
  ).map((file) => file.path);
}

/** `lib/a/b/_c.ts` is tested by `tests/a/b/c_test.ts` or `tests/a/c_test.ts`. */
function candidates(path: string): string[] {
  const parts = path.replace(/^lib\//, "").replace(/\.ts$/, "").split("/");
  const name = parts.pop()!;
  const folders = [parts.join("/"), parts[0] ?? ""];
  return [name.replace(/^_/, ""), name].flatMap((stem) =>
    folders.map((folder) => `tests/${folder}/${stem}_test.ts`)
  );
}

function layerOf(path: string): number {
  return LAYERS.findIndex((layer) => path.startsWith(`lib/${layer}/`));
}

/** Path from the root that a relative import points to. */
function resolve(from: string, { specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

function at({ path }: SourceFile, { line }: { line: number }, rule: string) {
  return `${path}:${line}: ${rule}`;
}
