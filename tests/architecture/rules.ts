/**
 * The rules of CONTRIBUTING.md as functions from facts to violations. Each
 * violation reads `file:line: rule`.
 *
 * @module
 */
import type { Effect, Import, SourceFile } from "./source.ts";

/** Every source file of the library by its path. */
export type Sources = ReadonlyMap<string, SourceFile>;

/**
 * The folders of the library, lowest rank first. A file belongs to the longest
 * entry that its path begins with; it may import its own entry and every entry
 * on a line above. Entries on one line do not import each other.
 */
export const RANKS: readonly (readonly string[])[] = [
  ["lib/transport/"],
  ["lib/transport/memory/", "lib/transport/tls/"],
  ["lib/transport/websocket/"],
  ["lib/transport/connect.ts", "lib/transport/listen.ts"],
  ["lib/transport/mod.ts"],
  ["lib/framing/"],
  ["lib/framing/decode/"],
  ["lib/framing/layouts/", "lib/framing/stream/"],
  ["lib/framing/length_presets.ts"],
  ["lib/framing/presets.ts"],
  ["lib/framing/mod.ts"],
  ["lib/messages/support/"],
  ["lib/messages/errors/"],
  ["lib/messages/codec/"],
  ["lib/messages/session/time/", "lib/messages/session/wire/"],
  ["lib/messages/session/flow/"],
  ["lib/messages/session/calls/"],
  ["lib/messages/session/control/"],
  ["lib/messages/session/"],
  ["lib/messages/schema/"],
  ["lib/messages/protocol/"],
  ["lib/messages/broadcast/", "lib/messages/introspection/"],
  ["lib/messages/streams/"],
  ["lib/messages/calls/"],
  ["lib/messages/handlers/"],
  ["lib/messages/connection/"],
  ["lib/messages/client/", "lib/messages/server/"],
  ["lib/messages/message_stream.ts"],
  ["lib/messages/mod.ts"],
  ["lib/testing/", "lib/types.ts"],
  ["mod.ts"],
];

/** Files beside the pure ones that are not pure, and why. */
export const NOT_PURE: Readonly<Record<string, string>> = {
  "lib/framing/stream/frame_stream.ts": "the pump: a connection on one side",
  "lib/framing/stream/pump.ts": "what frame_stream.ts hands out",
  "lib/framing/stream/read_side.ts": "the pump's read loop",
  "lib/framing/stream/write_side.ts": "the pump's write loop",
  "lib/framing/stream/event_loop_turn.ts":
    "how the pump gives the event loop a turn",
  "lib/framing/stream/web_streams.ts": "web streams",
  "lib/testing/check_framing.ts": "awaits what a test framework hands it",
  "lib/testing/check_codec.ts": "awaits what a test framework hands it",
};

/** Folders of tests without a counterpart in the library, and what they hold. */
export const TEST_FOLDERS: readonly string[] = [
  "programs", // run by tests as processes of their own
  "types", // checked by the compiler, never run
  "wire", // the vectors against whole sessions
];

const WHY: Record<Effect, string> = {
  Deno: "only lib/transport/ may mention Deno",
  clock: "pure code gets the time as an argument",
  randomness: "pure code gets random bytes as an argument",
  timer: "pure code says when it wants to be called; the shell arms the timer",
  promise: "pure code never waits",
  using: "not every engine reads it yet (Node.js from 24 on): try … finally",
};

/** Imports go down the ranks; framing takes transport by type only. */
export function layering(file: SourceFile): string[] {
  const own = rankOf(file.path);
  if (own === undefined) {
    return [at(file, { line: 1 }, "is in no folder that RANKS lists")];
  }
  return file.imports.flatMap((imported) => {
    const target = resolve(file.path, imported);
    if (target === undefined) return [];
    const other = rankOf(target);
    if (other === undefined) {
      return [at(file, imported, `imports ${target}: outside lib/`)];
    }
    if (other.entry !== own.entry && other.rank >= own.rank) {
      return [at(
        file,
        imported,
        `imports ${target}: ${own.entry} ranks below ${other.entry}`,
      )];
    }
    if (
      file.path.startsWith("lib/framing/") &&
      target.startsWith("lib/transport/") && !imported.typeOnly
    ) {
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
 * Each folder with code has a test folder of the same name that holds a test.
 *
 * @param tests paths of all files below `tests/`
 */
export function eachFolderHasItsTests(
  sources: Sources,
  tests: ReadonlySet<string>,
): string[] {
  const tested = new Set(
    [...tests].filter((path) => path.endsWith("_test.ts")).map(folderOf),
  );
  const folders = new Set(
    [...sources.values()].filter(({ path, typesOnly }) =>
      path.startsWith("lib/") && !typesOnly && !path.endsWith("mod.ts")
    ).map(({ path }) => folderOf(path)),
  );
  return [...folders].map((folder) => [folder, folder.replace("lib", "tests")])
    .filter(([, wanted]) => !tested.has(wanted!))
    .map(([folder, wanted]) => `${folder}/: has no test in ${wanted}/`);
}

/**
 * Folders below `tests/<layer>/` mirror those of the library, except for the
 * ones that {@linkcode TEST_FOLDERS} names; no file name begins with `_`.
 *
 * @param tests paths of all files below `tests/`
 */
export function testsMirrorFolders(
  sources: Sources,
  tests: ReadonlySet<string>,
): string[] {
  const folders = new Set([...sources.keys()].map(folderOf));
  const layers = /^tests\/(transport|framing|messages|testing)\//;
  return [...tests, ...sources.keys()].flatMap((path) => {
    const violations: string[] = [];
    if (/(^|\/)_/.test(path)) {
      violations.push(`${path}:1: the name begins with "_"`);
    }
    const parts = folderOf(path).split("/");
    if (TEST_FOLDERS.includes(parts.at(-1)!)) parts.pop();
    const mirrored = parts.join("/").replace(/^tests/, "lib");
    if (layers.test(path) && !folders.has(mirrored)) {
      violations.push(`${path}:1: there is no folder ${mirrored}/`);
    }
    return violations;
  });
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function rankOf(path: string): { rank: number; entry: string } | undefined {
  const found = RANKS.flatMap((entries, rank) =>
    entries.map((entry) => ({ rank, entry }))
  ).filter(({ entry }) => path === entry || path.startsWith(entry));
  return found.sort((a, b) => b.entry.length - a.entry.length)[0];
}

/** Path from the root that a relative import points to. */
function resolve(from: string, { specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

function at({ path }: SourceFile, { line }: { line: number }, rule: string) {
  return `${path}:${line}: ${rule}`;
}
