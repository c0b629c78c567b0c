/**
 * Converts between nested groups of methods and lists of dotted names.
 *
 * @module
 */
import { checkName } from "./method_names.ts";
import type { MethodDeclaration } from "./method.ts";
import { SHAPES } from "../session/wire/shape.ts";

/** Group under construction; without a prototype, no name is special. */
type Tree<Leaf> = { [name: string]: Leaf | Tree<Leaf> };

/**
 * Calls `visit` with each method of a tree and its dotted name.
 *
 * The limit on the length of a name also ends the walk through a group that
 * contains itself.
 *
 * @throws {TypeError} if a name is invalid, or a value is neither a method nor
 * a group
 */
export function walkMethods(
  group: object,
  visit: (name: string, method: MethodDeclaration) => void,
  prefix = "",
): void {
  for (const [key, value] of Object.entries(group)) {
    const name = prefix + key;
    checkName(key, name, "a method");
    if (isMethod(value)) visit(name, value);
    else if (isPlainObject(value)) walkMethods(value, visit, `${name}.`);
    else {
      throw new TypeError(
        `Cannot declare "${name}" with ${
          describe(value)
        }: expected a method, declared by calling unary(), notification(), serverStream(), clientStream() or duplex(), or a group, a plain object of methods`,
      );
    }
  }
}

/**
 * Builds nested groups from a list of methods with dotted names.
 *
 * The groups are frozen objects without a prototype, so that they contain only
 * declared members.
 *
 * @param methods the methods, each with its dotted name
 * @param leaf returns the member that represents a method
 * @throws {TypeError} if a name is both a method and a group
 */
export function buildTree<Bound extends { readonly name: string }, Leaf>(
  methods: readonly Bound[],
  leaf: (method: Bound, index: number) => Leaf,
): object {
  const root: Tree<Leaf> = Object.create(null);
  const groups = new Map<string, Tree<Leaf>>([["", root]]);
  const leaves = new Set(methods.map(({ name }) => name));
  methods.forEach((method, index) => {
    const { name } = method;
    const dot = name.lastIndexOf(".");
    const group = groupAt(groups, leaves, name.slice(0, Math.max(dot, 0)));
    group[name.slice(dot + 1)] = leaf(method, index);
  });
  for (const group of groups.values()) Object.freeze(group);
  return root;
}

function groupAt<Leaf>(
  groups: Map<string, Tree<Leaf>>,
  leaves: ReadonlySet<string>,
  path: string,
): Tree<Leaf> {
  const known = groups.get(path);
  if (known !== undefined) return known;
  if (leaves.has(path)) {
    throw new TypeError(
      `Cannot declare "${path}" twice: it is both a method and a group`,
    );
  }
  const dot = path.lastIndexOf(".");
  const parent = groupAt(groups, leaves, path.slice(0, Math.max(dot, 0)));
  const group: Tree<Leaf> = Object.create(null);
  parent[path.slice(dot + 1)] = group;
  groups.set(path, group);
  return group;
}

/**
 * Returns whether a value is a declared method.
 *
 * The check is structural, so that it accepts methods declared with another
 * copy of this package.
 */
function isMethod(value: unknown): value is MethodDeclaration {
  return typeof value === "object" && value !== null && "shape" in value &&
    SHAPES.some((shape) => shape === value.shape);
}

/** Returns whether a value is an object literal or has no prototype. */
export function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function describe(value: unknown): string {
  if (typeof value === "function") return "a function";
  return value === null ? "null" : `a value of type ${typeof value}`;
}
