/**
 * TypeScript source of a protocol that a server describes.
 *
 * @module
 */
import { printableName } from "../messages/support/printable.ts";
import type { Shape } from "../messages/session/wire/shape.ts";
import type { DescribedMethod } from "./described_server.ts";
import { jsonLine } from "./display.ts";
import { typeText } from "./schema_text.ts";

/** Names that a declaration can use without quotes. */
const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

/** Returns the call of a method, as a builder declares it. */
export function signature(method: DescribedMethod): string {
  return `${method.shape}<${typesOf(method).join(", ")}>`;
}

/** Returns the type arguments of the builder of a method. */
function typesOf({ shape, schemas }: DescribedMethod): string[] {
  const input = typeText(schemas.input);
  const output = typeText(schemas.output);
  const errors = Object.entries(schemas.errors).map(([name, schema]) =>
    `${quoted(name)}: ${schema === null ? "unknown" : typeText(schema)}`
  );
  const declared = errors.length === 0 ? [] : [`{ ${errors.join("; ")} }`];
  switch (shape) {
    case "notification":
      return [input];
    case "unary":
    case "serverStream":
      return [input, output, ...declared];
    case "clientStream":
    case "duplex":
      return schemas.opening === null && declared.length === 0
        ? [input, output]
        : [input, output, typeText(schemas.opening), ...declared];
  }
}

/**
 * Returns the source of a module that declares a protocol.
 *
 * @param name name of the protocol, as the server has it
 */
export function protocolSource(
  name: string,
  methods: readonly DescribedMethod[],
): string {
  const shapes = new Set<Shape>(methods.map(({ shape }) => shape));
  const names = ["protocol", ...shapes].sort();
  return `import { ${names.join(", ")} } from "@lengthwise/lengthwise";

export const ${typeName(name)} = protocol({
  name: ${jsonLine(plainName(name))},
${side("server", methods)}${side("client", methods)}});
`;
}

/** Returns a name that \`protocol()\` accepts; merged protocols have "+". */
function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9_$-]/g, "-") || "server";
}

function typeName(name: string): string {
  const words = name.match(/[A-Za-z0-9]+/g) ?? [];
  const joined = words.map((word) => word[0]!.toUpperCase() + word.slice(1)) // a match is not empty
    .join("");
  return /^[A-Za-z]/.test(joined) ? joined : `Protocol${joined}`;
}

/** Methods in nested groups. */
type Group = Map<string, DescribedMethod | Group>;

function side(
  side: "server" | "client",
  methods: readonly DescribedMethod[],
): string {
  const root: Group = new Map();
  for (const method of methods) {
    if (method.side === side) insert(root, method.name.split("."), method);
  }
  return root.size === 0
    ? ""
    : `  ${side}: {\n${groupText(root, "    ")}  },\n`;
}

function insert(
  group: Group,
  [first = "", ...rest]: readonly string[],
  method: DescribedMethod,
): void {
  if (rest.length === 0) return void group.set(first, method);
  const known = group.get(first);
  const inner: Group = known instanceof Map ? known : new Map();
  group.set(first, inner);
  insert(inner, rest, method);
}

function groupText(group: Group, indent: string): string {
  return [...group].map(([name, member]) =>
    member instanceof Map
      ? `${indent}${quoted(name)}: {\n${
        groupText(member, `${indent}  `)
      }${indent}},\n`
      : methodText(name, member, indent)
  ).join("");
}

function methodText(
  name: string,
  method: DescribedMethod,
  indent: string,
): string {
  const { timeout, idempotent, once, description } = method;
  const options = [
    ...(timeout === undefined ? [] : [`timeout: ${timeout}`]),
    ...(idempotent ? ["idempotent: true"] : []),
    ...(once ? ["once: true"] : []),
    ...(description === "" ? [] : [`description: ${jsonLine(description)}`]),
  ];
  const given = options.length === 0 ? "" : `{ ${options.join(", ")} }`;
  return `${indent}${quoted(name)}: ${signature(method)}(${given}),\n`;
}

function quoted(name: string): string {
  return IDENTIFIER.test(name) ? name : jsonLine(printableName(name));
}
