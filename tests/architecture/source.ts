/**
 * Reads the facts that the architecture rules check from a source file.
 *
 * They come from the syntax tree of `deno lint`, so comments and strings do
 * not count. `Deno.lint.runPlugin` exists under `deno test` only.
 *
 * @module
 */

/** One `import`, `export … from`, `import()` or `import("…").Type`. */
export interface Import {
  specifier: string;
  line: number;
  /** The whole declaration is erased: `import type`, `export type`. */
  typeOnly: boolean;
  /** It runs when the module loads, not when a function is called. */
  atLoad: boolean;
}

/** A thing that pure code must not touch. */
export type Effect =
  | "Deno"
  | "clock"
  | "randomness"
  | "timer"
  | "promise"
  | "using"
  | "secure context";

/** One place where a file touches a thing of the outer world. */
export interface Use {
  effect: Effect;
  /** The code in question, as a reader would search for it. */
  what: string;
  line: number;
}

/** The facts of one file. */
export interface SourceFile {
  /** Path from the root of the repository. */
  path: string;
  imports: Import[];
  uses: Use[];
  /** Lines of statements that are not re-exports. */
  ownStatements: number[];
  /** Nothing is left of it once types are erased. */
  typesOnly: boolean;
}

const GLOBALS: Record<string, Effect> = {
  Deno: "Deno",
  performance: "clock",
  Temporal: "clock",
  crypto: "randomness",
  setTimeout: "timer",
  setInterval: "timer",
  setImmediate: "timer",
  queueMicrotask: "timer",
  requestAnimationFrame: "timer",
  Promise: "promise",
};

const CALLS: Record<string, Effect> = {
  "Date.now": "clock",
  "Math.random": "randomness",
  "crypto.randomUUID": "secure context",
  "crypto.subtle": "secure context",
  "AbortSignal.timeout": "timer",
  "Atomics.wait": "timer",
  "Atomics.waitAsync": "timer",
};

/** Statements that vanish with the types. */
const ERASED = ["TSInterfaceDeclaration", "TSTypeAliasDeclaration"];

/** Reads and parses a file of this repository. */
export function readSource(path: string): SourceFile {
  return parseSource(path, Deno.readTextFileSync(path));
}

/** Parses a file's text. */
export function parseSource(path: string, text: string): SourceFile {
  const file: SourceFile = {
    path,
    imports: [],
    uses: [],
    ownStatements: [],
    typesOnly: true,
  };
  const rule: Deno.lint.Rule = {
    create: (context) => visitor(file, text, context),
  };
  Deno.lint.runPlugin({ name: "facts", rules: { rule } }, path, text);
  return file;
}

function visitor(
  file: SourceFile,
  text: string,
  context: Deno.lint.RuleContext,
): Deno.lint.LintVisitor {
  // deno-lint-ignore no-explicit-any -- selectors cannot be typed by Deno
  type Node = any;
  const lineOf = (node: Node) =>
    text.slice(0, node.range[0]).split("\n").length;
  const use = (effect: Effect, what: string, node: Node) =>
    file.uses.push({ effect, what, line: lineOf(node) });
  const imported = (node: Node, typeOnly: boolean, atLoad = true) => {
    const specifier = node.source?.value;
    if (typeof specifier !== "string") return; // computed: none of ours
    file.imports.push({ specifier, typeOnly, atLoad, line: lineOf(node) });
  };
  const inFunction = (node: Node) =>
    context.sourceCode.getAncestors(node).some(({ type }) =>
      /Function/.test(type)
    );
  const onFunction = (node: Node) => {
    if (node.async) use("promise", "async", node);
  };
  return {
    Program(node: Node) {
      for (const statement of node.body) {
        if (!isReExport(statement)) {
          file.ownStatements.push(lineOf(statement));
        }
        if (!isErased(statement)) file.typesOnly = false;
      }
    },
    ImportDeclaration: (node: Node) =>
      imported(node, node.importKind === "type"),
    ExportNamedDeclaration: (node: Node) =>
      imported(node, node.exportKind === "type"),
    ExportAllDeclaration: (node: Node) =>
      imported(node, node.exportKind === "type"),
    ImportExpression: (node: Node) => imported(node, false, !inFunction(node)),
    TSImportType: (node: Node) =>
      imported({ range: node.range, source: node.argument?.literal }, true),
    Identifier(node: Node) {
      const effect = GLOBALS[node.name];
      if (effect === undefined || !Object.hasOwn(GLOBALS, node.name)) return;
      if (effect === "Deno" || isValue(node)) use(effect, node.name, node);
    },
    MemberExpression(node: Node) {
      const name = `${node.object.name}.${node.property.name}`;
      if (Object.hasOwn(CALLS, name)) use(CALLS[name]!, name, node);
    },
    NewExpression(node: Node) {
      if (node.callee.name === "Date" && node.arguments.length === 0) {
        use("clock", "new Date()", node);
      }
    },
    CallExpression(node: Node) {
      if (node.callee.name === "Date") use("clock", "Date()", node);
    },
    AwaitExpression: (node: Node) => use("promise", "await", node),
    ForOfStatement(node: Node) {
      if (node.await) use("promise", "for await", node);
    },
    VariableDeclaration(node: Node) {
      if (node.kind.endsWith("using")) use("using", node.kind, node);
      if (node.kind === "await using") use("promise", "await using", node);
    },
    FunctionDeclaration: onFunction,
    FunctionExpression: onFunction,
    ArrowFunctionExpression: onFunction,
  };
}

/** Whether the node refers to a global, not to a property or a type. */
// deno-lint-ignore no-explicit-any -- see visitor()
function isValue(node: any): boolean {
  const { parent } = node;
  if (parent.type === "MemberExpression" && parent.property === node) {
    return parent.computed || parent.object.name === "globalThis";
  }
  if (parent.type === "TSTypeReference") return false;
  return !("key" in parent && parent.key === node && !parent.shorthand);
}

// deno-lint-ignore no-explicit-any -- see visitor()
function isReExport(statement: any): boolean {
  switch (statement.type) {
    case "ExportAllDeclaration":
    case "ImportDeclaration":
      return true;
    case "ExportNamedDeclaration":
      return statement.declaration == null;
    default:
      return false;
  }
}

// deno-lint-ignore no-explicit-any -- see visitor()
function isErased(statement: any): boolean {
  if (ERASED.includes(statement.type)) return true;
  if (statement.type === "ImportDeclaration") {
    return statement.importKind === "type";
  }
  if (statement.type !== "ExportNamedDeclaration") return false;
  return statement.exportKind === "type" ||
    ERASED.includes(statement.declaration?.type);
}
