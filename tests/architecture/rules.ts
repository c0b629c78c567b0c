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
 * The folders of the library, lowest rank first.
 *
 * A file belongs to its own entry or else to that of its folder. It may import
 * its own entry and every entry on a line above. Entries on one line do not
 * import each other.
 */
export const RANKS: readonly (readonly string[])[] = [
  ["lib/support/"],
  ["lib/transport/"],
  [
    "lib/transport/memory/",
    "lib/transport/message_port/",
    "lib/transport/proxy/",
    "lib/transport/tls/",
  ],
  ["lib/transport/dns/", "lib/transport/websocket/"],
  ["lib/transport/connect.ts", "lib/transport/listen.ts"],
  ["lib/transport/mod.ts"],
  ["lib/framing/"],
  ["lib/framing/decode/"],
  ["lib/framing/layouts/", "lib/framing/stream/"],
  ["lib/framing/length_presets.ts", "lib/framing/read_lines.ts"],
  ["lib/framing/presets.ts"],
  ["lib/framing/mod.ts"],
  ["lib/messages/support/"],
  ["lib/messages/errors/"],
  ["lib/messages/codec/"],
  ["lib/messages/codec/extensions/"],
  ["lib/messages/session/time/", "lib/messages/session/wire/"],
  ["lib/messages/session/flow/"],
  ["lib/messages/session/resume/"],
  ["lib/messages/session/calls/"],
  ["lib/messages/session/control/"],
  ["lib/messages/session/"],
  ["lib/messages/schema/"],
  ["lib/messages/protocol/"],
  [
    "lib/messages/broadcast/",
    "lib/messages/bus/",
    "lib/messages/introspection/",
    "lib/messages/health/",
  ],
  ["lib/messages/observe/"],
  ["lib/messages/operations/"],
  ["lib/messages/streams/"],
  ["lib/messages/calls/", "lib/messages/sources/"],
  ["lib/messages/once/"],
  ["lib/messages/handlers/"],
  ["lib/messages/connection/"],
  ["lib/messages/client/", "lib/messages/server/"],
  ["lib/messages/balance/"],
  ["lib/messages/message_stream.ts"],
  ["lib/messages/mod.ts"],
  ["lib/browser/"],
  ["lib/testing/"],
  ["lib/types.ts"],
  ["mod.ts"],
  ["lib/forward/", "lib/http/", "lib/nats/", "lib/node/", "lib/otel/"],
  ["lib/cli/"],
  ["lib/cli/bench/", "lib/cli/capture/"],
  ["lib/cli/commands/"],
  ["lib/cli/command_table.ts"],
  ["lib/cli/run.ts"],
  ["lib/cli/process.ts"],
  ["lib/cli/main.ts"],
];

/** The file outside of the transport layer that may mention `Deno`. */
export const PROCESS = "lib/cli/process.ts";

/** Exceptions in the folders of pure code, and the reason for each. */
export const NOT_PURE: Readonly<Record<string, string>> = {
  "lib/framing/stream/frame_stream.ts": "creates the pump",
  "lib/framing/stream/frame_timer.ts": "the time limit of the pump's frames",
  "lib/framing/stream/line_iterator.ts": "reads lines of a web stream",
  "lib/framing/stream/pump.ts": "the pump: uses a connection",
  "lib/framing/stream/read_side.ts": "the pump's read loop",
  "lib/framing/stream/write_side.ts": "the pump's write loop",
  "lib/framing/stream/event_loop_turn.ts": "yields to the event loop",
  "lib/framing/stream/turn_queue.ts": "divides time among connections",
  "lib/framing/stream/web_streams.ts": "web streams",
  "lib/framing/stream/with_rest.ts": "reads bytes before those of a connection",
  "lib/framing/read_lines.ts": "reads a connection",
};

/** Folders of tests without a counterpart in the library. */
export const TEST_FOLDERS: readonly string[] = [
  "programs", // run by tests as separate processes
  "types", // checked by the compiler, never run
  "wire", // the vectors against complete sessions
];

const WHY: Record<Effect, string> = {
  Deno: "only lib/transport/ and the process of lib/cli/ may mention Deno",
  clock: "pure code takes the time as an argument",
  randomness: "pure code takes random bytes as an argument",
  timer: "pure code returns when it must be called; its driver sets the timer",
  promise: "pure code never waits",
  using: "Node.js 22 and some browsers cannot parse it; use try … finally",
  "secure context":
    "pages on plain http lack it; use crypto.getRandomValues() or an own hash",
};

/** Effects that rules of their own forbid, in all files. */
const EVERYWHERE: readonly Effect[] = ["using", "secure context"];

/** Imports go down the ranks; framing takes transport by type only. */
export function layering(file: SourceFile): string[] {
  const own = rankOf(file.path);
  if (own === undefined) {
    return [
      at(file, { line: 1 }, "RANKS lists neither the file nor its folder"),
    ];
  }
  return file.imports.flatMap((imported) => {
    if (imported.specifier.startsWith("@lengthwise/")) {
      const rule = `imports ${imported.specifier}: use a relative path`;
      return [at(file, imported, rule)];
    }
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

/** Only the transport layer and {@linkcode PROCESS} mention `Deno`. */
export function denoOnlyInTransport(file: SourceFile): string[] {
  if (file.path.startsWith("lib/transport/") || file.path === PROCESS) {
    return [];
  }
  return file.uses.filter(({ effect }) => effect === "Deno").map((use) =>
    at(file, use, `${use.what}: ${WHY.Deno}`)
  );
}

/** The folder whose only purpose is `node:`. */
const NODE = "lib/node/";

/** No other module imports `node:` when it loads, as browsers lack it. */
export function noNodeAtLoad(file: SourceFile): string[] {
  if (file.path.startsWith(NODE)) return [];
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

/** No `using` declaration: Node.js 22 and some browsers cannot parse it. */
export function noUsing(file: SourceFile): string[] {
  return file.uses.filter(({ effect }) => effect === "using").map((use) =>
    at(file, use, `${use.what}: ${WHY.using}`)
  );
}

/** Nothing that only secure contexts have: pages on plain http lack it. */
export function noSecureContext(file: SourceFile): string[] {
  const { "secure context": why } = WHY;
  return file.uses.filter(({ effect }) => effect === "secure context")
    .map((use) => at(file, use, `${use.what}: ${why}`));
}

/** A `mod.ts` only re-exports. */
export function modOnlyReExports(file: SourceFile): string[] {
  if (!file.path.endsWith("mod.ts")) return [];
  return file.ownStatements.map((line) =>
    at(file, { line }, "a mod.ts only re-exports")
  );
}

/** No folder or file without a purpose. */
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

/** Whether a file must be pure: framing except for the pump, codecs, session. */
export function isPure(path: string): boolean {
  if (path.endsWith("/mod.ts") || Object.hasOwn(NOT_PURE, path)) return false;
  return path.startsWith("lib/framing/") ||
    path.startsWith("lib/messages/codec/") ||
    path.startsWith("lib/messages/session/");
}

/** Pure files, and all values that they import, use nothing that `WHY` lists. */
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
    const uses = file?.uses.filter(({ effect }) =>
      !EVERYWHERE.includes(effect)
    ) ?? [];
    return uses.map((use) =>
      at(file!, use, `${use.what}: ${WHY[use.effect]}${via}`)
    );
  });
}

/** Modules that the entry for browsers must not load. */
const NOT_IN_BROWSERS =
  /^lib\/(?:transport\/(?:connect|listen|mod|tcp|unix|socket_listener|require_deno|memory\/|tls\/)|framing\/(?:mod|presets)|messages\/(?:mod|server\/|introspection\/|health\/|operations\/|broadcast\/|bus\/|sources\/|codec\/(?:default_codec|json|msgpack))|testing\/|otel\/|cli\/)/;

/** An entry for browsers loads no sockets, no server and no codec. */
export function smallInBrowsers(sources: Sources, entry: string): string[] {
  const reached = new Set<string>([entry]);
  const violations: string[] = [];
  for (const path of reached) {
    const file = sources.get(path);
    for (const imported of file?.imports ?? []) {
      if (imported.typeOnly) continue;
      const target = resolve(path, imported) ?? imported.specifier;
      const own = sources.has(target);
      if (own && !NOT_IN_BROWSERS.test(target)) reached.add(target);
      else if (!target.startsWith("@std/bytes/")) {
        violations.push(
          at(file!, imported, `${entry} must not load ${target}`),
        );
      }
    }
  }
  return violations;
}

/** {@linkcode RANKS} and {@linkcode NOT_PURE} list only what exists. */
export function staleEntries(sources: Sources): string[] {
  const existing = new Set(
    [...sources.keys()].flatMap((path) => [path, `${folderOf(path)}/`]),
  );
  return [...RANKS.flat(), ...Object.keys(NOT_PURE)]
    .filter((entry) => !existing.has(entry))
    .map((entry) => `${entry}: is listed but does not exist`);
}

/** No file imports itself indirectly, not even for types. */
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

/** Every file is reachable from an entry point. */
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
    (file) => at(file, { line: 1 }, "no entry point reaches it"),
  );
}

/**
 * Each folder with code has a test folder with at least one test.
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
 * Test folders mirror the library's, and no file name begins with `_`.
 *
 * {@linkcode TEST_FOLDERS} lists the exceptions.
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
  for (const entry of [path, `${folderOf(path)}/`]) {
    const rank = RANKS.findIndex((entries) => entries.includes(entry));
    if (rank >= 0) return { rank, entry };
  }
  return undefined;
}

/** Path from the root that a relative import points to. */
function resolve(from: string, { specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

function at({ path }: SourceFile, { line }: { line: number }, rule: string) {
  return `${path}:${line}: ${rule}`;
}
