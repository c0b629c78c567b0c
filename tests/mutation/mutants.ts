/**
 * Generates mutants: single small changes of a source file that tests should
 * notice.
 *
 * They come from the syntax tree of `deno lint`, so comments, strings and types
 * are never changed. `Deno.lint.runPlugin` exists under `deno test` only.
 *
 * @module
 */

/** The kinds of change. */
export type Operator =
  /** A bound of a comparison is one more or one less. */
  | "comparison"
  /** A statement is missing. */
  | "statement"
  /** A statement is missing that releases something, or a `finally` block. */
  | "clean-up"
  /** A condition is negated. */
  | "condition"
  /** The branches of an `if` or `?:` are swapped, or `&&` and `||`. */
  | "branch"
  /** A promise is not awaited. */
  | "await";

/** One change of a file. */
export interface Mutant {
  /** Path from the root of the repository. */
  readonly path: string;
  /** Line of the change, from 1. */
  readonly line: number;
  readonly operator: Operator;
  /** Offsets of the text that is replaced. */
  readonly start: number;
  readonly end: number;
  /** The new text. */
  readonly text: string;
  /** The code that runs whenever the mutant may differ from the original. */
  readonly probe: Probe;
}

/** Code that can report that it runs. */
export interface Probe {
  readonly start: number;
  readonly end: number;
  readonly kind: "expression" | "statement" | "block";
}

/** Names of functions that release what an object holds. */
const CLEAN_UP =
  /^(?:clear|close|abort|dispose|remove|delete|release|unref|cancel|drop|discard|end|stop|reset|forget|unsubscribe|expire)(?![a-z])/;

const COMPARISONS = ["<", "<=", ">", ">="];
const LOGICAL: Readonly<Record<string, string>> = { "&&": "||", "||": "&&" };

/** Returns every mutant of a file, in the order of its lines. */
export function mutantsOf(path: string, text: string): Mutant[] {
  const found: Mutant[] = [];
  const rule: Deno.lint.Rule = {
    create: () =>
      visitor(text, (operator, range, replacement, probe) => {
        const [start, end] = range;
        const line = text.slice(0, start).split("\n").length;
        found.push({
          ...{ path, line, operator, start, end, text: replacement },
          probe: { start: probe.at[0], end: probe.at[1], kind: probe.kind },
        });
      }),
  };
  Deno.lint.runPlugin({ name: "mutants", rules: { rule } }, path, text);
  return found.sort((one, other) =>
    one.start - other.start || one.end - other.end
  );
}

type Range = readonly [start: number, end: number];

function visitor(
  text: string,
  add: (
    operator: Operator,
    range: Range,
    replacement: string,
    probe: { readonly at: Range; readonly kind: Probe["kind"] },
  ) => void,
): Deno.lint.LintVisitor {
  // deno-lint-ignore no-explicit-any -- selectors cannot be typed by Deno
  type Node = any;
  const code = (node: Node) => text.slice(node.range[0], node.range[1]);
  const expression = (node: Node) => (
    { at: node.range as Range, kind: "expression" } as const
  );
  const statement = (node: Node) => (
    { at: node.range as Range, kind: "statement" } as const
  );
  const remove = (operator: Operator, node: Node) =>
    add(operator, node.range, ";", statement(node));
  const swap = (operator: Operator, test: Node, first: Node, second: Node) => {
    const between = text.slice(first.range[1], second.range[0]);
    add(
      operator,
      [first.range[0], second.range[1]],
      code(second) + between + code(first),
      expression(test),
    );
  };
  const negate = ({ test }: Node) =>
    add("condition", test.range, `!(${code(test)})`, expression(test));
  return {
    BinaryExpression(node: Node) {
      const { operator, right } = node;
      if (COMPARISONS.includes(operator)) {
        add(
          "comparison",
          right.range,
          `(${code(right)}) + 1`,
          expression(right),
        );
        add(
          "comparison",
          right.range,
          `(${code(right)}) - 1`,
          expression(right),
        );
      } else if (
        /^[!=]==?$/.test(operator) && typeof right.value === "number"
      ) {
        add("comparison", right.range, `${right.value + 1}`, expression(right));
      }
    },
    ExpressionStatement(node: Node) {
      if (node.expression.callee?.type === "Super") return; // fails at once
      remove(isCleanUp(node.expression) ? "clean-up" : "statement", node);
    },
    ReturnStatement(node: Node) {
      if (node.argument == null) remove("statement", node);
    },
    ThrowStatement: (node: Node) => remove("statement", node),
    ContinueStatement: (node: Node) => remove("statement", node),
    BreakStatement: (node: Node) => remove("statement", node),
    TryStatement({ finalizer }: Node) {
      if (finalizer == null) return;
      const { range } = finalizer;
      add("clean-up", range, "{}", { at: range, kind: "block" });
    },
    IfStatement(node: Node) {
      if (node.alternate == null || node.alternate.type === "IfStatement") {
        negate(node);
      } else swap("branch", node.test, node.consequent, node.alternate);
    },
    WhileStatement: negate,
    ConditionalExpression: (node: Node) =>
      swap("branch", node.test, node.consequent, node.alternate),
    LogicalExpression(node: Node) {
      const { operator, left, right } = node;
      const other = LOGICAL[operator];
      if (other === undefined) return;
      const between = text.slice(left.range[1], right.range[0]);
      add(
        "branch",
        [left.range[0], right.range[1]],
        `(${code(left)})${between.replace(operator, other)}(${code(right)})`,
        expression(node),
      );
    },
    AwaitExpression(node: Node) {
      if (isReturned(node)) return; // the caller awaits the same promise
      const { range, argument } = node;
      add("await", [range[0], argument.range[0]], "", expression(argument));
    },
  };
}

/**
 * Returns whether a node is what its function returns, outside of a `try` that
 * would see its error.
 */
// deno-lint-ignore no-explicit-any -- see visitor()
function isReturned(node: any): boolean {
  const { parent } = node;
  if (parent.type === "ArrowFunctionExpression") return true;
  if (parent.type !== "ReturnStatement") return false;
  for (let outer = parent; !/Function/.test(outer.type); outer = outer.parent) {
    if (outer.type !== "TryStatement") continue;
    const isCaught = node.range[1] <= outer.block.range[1];
    if (isCaught || outer.finalizer != null) return false;
  }
  return true;
}

/** Returns whether an expression releases something. */
// deno-lint-ignore no-explicit-any -- see visitor()
function isCleanUp(expression: any): boolean {
  let node = expression;
  if (node.type === "AwaitExpression") node = node.argument;
  if (node.type === "UnaryExpression") return node.operator === "delete";
  if (node.type === "AssignmentExpression") {
    return node.right.type === "Identifier" && node.right.name === "undefined";
  }
  node = unchained(node);
  if (node.type !== "CallExpression") return false;
  const callee = unchained(node.callee);
  const name = callee.property?.name ?? callee.name ?? "";
  return CLEAN_UP.test(name);
}

/** Returns the expression of an optional chain. */
// deno-lint-ignore no-explicit-any -- see visitor()
function unchained(node: any): any {
  return node.type === "ChainExpression" ? unchained(node.expression) : node;
}

/** Returns the text of a file with a mutant. */
export function mutated(text: string, mutant: Mutant): string {
  return text.slice(0, mutant.start) + mutant.text + text.slice(mutant.end);
}

/**
 * Returns the text of each file with probes: calls of `__reached()` with the index
 * of each mutant whose code runs.
 *
 * @param read returns the text of a file
 */
export function probed(
  mutants: readonly Mutant[],
  read: (path: string) => string = Deno.readTextFileSync,
): Map<string, string> {
  return edited(mutants, read, ({ probe }, index) => {
    const call = `globalThis.__reached?.(${index})`;
    const { start, end, kind } = probe;
    if (kind === "block") return inserted(start + 1, `${call};`);
    if (kind === "expression") return around(start, end, `(${call}, `, ")");
    return around(start, end, `{${call};`, "}");
  });
}

/**
 * Returns the text of each file with all mutants. The one whose index is in the
 * variable `__mutant` has its effect, the others have none.
 *
 * @param read returns the text of a file
 */
export function switched(
  mutants: readonly Mutant[],
  read: (path: string) => string = Deno.readTextFileSync,
): Map<string, string> {
  return edited(mutants, read, (mutant, index, source) => {
    const isOn = `globalThis.__mutant === ${index}`;
    const { start, end, kind } = mutant.probe;
    if (kind === "block") {
      return [
        ...inserted(start + 1, `if (!(${isOn})) {`),
        ...inserted(end - 1, "}"),
      ];
    }
    if (kind === "statement") {
      return around(start, end, `{if (!(${isOn})) {`, "}}");
    }
    const code = source.slice(start, end);
    if (mutant.operator === "await") {
      return around(mutant.start, end, `(${isOn} ? (${code}) : `, ")");
    }
    // Branches are swapped where the condition is negated.
    const isWhole = mutant.start === start && mutant.end === end;
    const other = isWhole ? mutant.text : `!(${code})`;
    return around(start, end, `(${isOn} ? (${other}) : `, ")");
  });
}

/** Text that is inserted into a file. */
interface Edit {
  readonly at: number;
  /** Length of the code that begins there, negative if it ends there. */
  readonly size: number;
  readonly text: string;
}

const inserted = (at: number, text: string): Edit[] => [{ at, size: 0, text }];

const around = (
  start: number,
  end: number,
  open: string,
  close: string,
): Edit[] => [
  { at: start, size: end - start, text: open },
  { at: end, size: start - end, text: close },
];

function edited(
  mutants: readonly Mutant[],
  read: (path: string) => string,
  editsOf: (mutant: Mutant, index: number, source: string) => Edit[],
): Map<string, string> {
  const paths = Map.groupBy(mutants.entries(), ([, { path }]) => path);
  return new Map([...paths].map(([path, ofPath]) => {
    const source = read(path);
    const edits = ofPath.flatMap(([index, mutant]) =>
      editsOf(mutant, index, source)
    );
    // Of code within other code, what ends comes first, then the longest.
    edits.sort((one, other) =>
      one.at - other.at || Math.sign(one.size) - Math.sign(other.size) ||
      other.size - one.size
    );
    let text = "", at = 0;
    for (const edit of edits) {
      text += source.slice(at, edit.at) + edit.text;
      at = edit.at;
    }
    return [path, text + source.slice(at)];
  }));
}
