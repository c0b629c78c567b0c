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
      visitor(text, (operator, range, replacement) => {
        const [start, end] = range;
        const line = text.slice(0, start).split("\n").length;
        found.push({ path, line, operator, start, end, text: replacement });
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
  add: (operator: Operator, range: Range, replacement: string) => void,
): Deno.lint.LintVisitor {
  // deno-lint-ignore no-explicit-any -- selectors cannot be typed by Deno
  type Node = any;
  const code = (node: Node) => text.slice(node.range[0], node.range[1]);
  const swap = (operator: Operator, first: Node, second: Node) => {
    const between = text.slice(first.range[1], second.range[0]);
    add(
      operator,
      [first.range[0], second.range[1]],
      code(second) + between + code(first),
    );
  };
  const negate = ({ test }: Node) =>
    add("condition", test.range, `!(${code(test)})`);
  return {
    BinaryExpression(node: Node) {
      const { operator, right } = node;
      if (COMPARISONS.includes(operator)) {
        add("comparison", right.range, `(${code(right)}) + 1`);
        add("comparison", right.range, `(${code(right)}) - 1`);
      } else if (
        /^[!=]==?$/.test(operator) && typeof right.value === "number"
      ) {
        add("comparison", right.range, `${right.value + 1}`);
      }
    },
    ExpressionStatement(node: Node) {
      if (node.expression.callee?.type === "Super") return; // fails at once
      add(
        isCleanUp(node.expression) ? "clean-up" : "statement",
        node.range,
        ";",
      );
    },
    ReturnStatement(node: Node) {
      if (node.argument == null) add("statement", node.range, ";");
    },
    ThrowStatement: (node: Node) => add("statement", node.range, ";"),
    ContinueStatement: (node: Node) => add("statement", node.range, ";"),
    BreakStatement: (node: Node) => add("statement", node.range, ";"),
    TryStatement({ finalizer }: Node) {
      if (finalizer != null) add("clean-up", finalizer.range, "{}");
    },
    IfStatement(node: Node) {
      if (node.alternate == null || node.alternate.type === "IfStatement") {
        negate(node);
      } else swap("branch", node.consequent, node.alternate);
    },
    WhileStatement: negate,
    ConditionalExpression: (node: Node) =>
      swap("branch", node.consequent, node.alternate),
    LogicalExpression({ operator, left, right }: Node) {
      const other = LOGICAL[operator];
      if (other === undefined) return;
      const between = text.slice(left.range[1], right.range[0]);
      add(
        "branch",
        [left.range[0], right.range[1]],
        `(${code(left)})${between.replace(operator, other)}(${code(right)})`,
      );
    },
    AwaitExpression(node: Node) {
      if (isReturned(node)) return; // the caller awaits the same promise
      add("await", [node.range[0], node.argument.range[0]], "");
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
