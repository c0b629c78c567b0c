/**
 * Validates declarations when they are made, not at the first call.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import { checkName } from "./method_names.ts";
import type { ErrorSchemas, MethodDeclaration } from "./method.ts";
import type { Shape } from "../session/wire/shape.ts";
import { isUnchecked } from "../schema/typed.ts";
import type { StandardSchema } from "../schema/standard_schema.ts";

/** Members of a declaration other than its shape. */
export type Declared = Omit<MethodDeclaration, "shape">;

const STREAM_KEYS = [
  "input",
  "output",
  "errors",
  "opening",
  "timeout",
  "idempotent",
  "serial",
  "description",
];
const CALL_KEYS = /* @__PURE__ */ STREAM_KEYS.filter((key) =>
  key !== "opening"
);
const UNARY_KEYS = [...CALL_KEYS, "once"];
const NOTIFICATION_KEYS = [
  "input",
  "timeout",
  "serial",
  "description",
];

/** Members that each shape may declare. */
const KEYS: Readonly<Record<Shape, readonly string[]>> = {
  unary: UNARY_KEYS,
  notification: NOTIFICATION_KEYS,
  serverStream: CALL_KEYS,
  clientStream: STREAM_KEYS,
  duplex: STREAM_KEYS,
};

/** Longest delay of a JavaScript timer, in ms. */
const MAX_TIMEOUT = 0x7fff_ffff;

/**
 * Returns a frozen declaration.
 *
 * @throws {TypeError} if a schema, an option or the name of an error is invalid
 * @throws {RangeError} if the timeout is out of range
 */
export function declareMethod(
  shape: Shape,
  declared: Declared,
): MethodDeclaration {
  checkKeys(shape, declared);
  const { timeout, idempotent, once, serial, description } = declared;
  const input = schemaOf(declared.input, shape, "input");
  const output = schemaOf(declared.output, shape, "output");
  const opening = schemaOf(declared.opening, shape, "opening");
  if (
    timeout !== undefined &&
    !(Number.isInteger(timeout) && timeout >= 1 && timeout <= MAX_TIMEOUT)
  ) {
    throw new RangeError(
      `Cannot declare ${shape}() with timeout ${timeout}: it must be an integer from 1 to ${MAX_TIMEOUT} ms`,
    );
  }
  if (!["undefined", "boolean", "function"].includes(typeof serial)) {
    throw new TypeError(
      `Cannot declare ${shape}() with ${
        describeType(serial)
      } as "serial": expected a boolean or a function that returns a key`,
    );
  }
  checkType("idempotent", idempotent, "boolean", shape);
  checkType("once", once, "boolean", shape);
  if (once && idempotent) {
    throw new TypeError(
      `Cannot declare ${shape}() with both "once" and "idempotent": a call of an idempotent method may run twice; omit one of them`,
    );
  }
  checkType("description", description, "string", shape);
  return Object.freeze({
    shape,
    ...(input && { input }),
    ...(output && { output }),
    ...(opening && { opening }),
    ...(declared.errors && { errors: errorsOf(declared.errors, shape) }),
    ...(timeout !== undefined && { timeout }),
    ...(idempotent !== undefined && { idempotent }),
    ...(once !== undefined && { once }),
    ...(serial !== undefined && { serial }),
    ...(description !== undefined && { description }),
  });
}

function checkType(
  name: string,
  value: unknown,
  type: "boolean" | "string",
  shape: Shape,
): void {
  if (value === undefined || typeof value === type) return;
  throw new TypeError(
    `Cannot declare ${shape}() with ${
      describeType(value)
    } as "${name}": expected a ${type}`,
  );
}

function checkKeys(shape: Shape, declared: Declared): void {
  // A schema may be a function (arktype).
  if (Object(declared) === declared && "~standard" in declared) {
    throw new TypeError(
      `Cannot declare ${shape}() with a schema alone: name its place, as in ${shape}({ input: schema })`,
    );
  }
  const plain = typeof declared === "object" && declared !== null &&
    !(Symbol.iterator in declared);
  if (!plain) {
    throw new TypeError(
      `Cannot declare ${shape}() with ${
        describeType(declared)
      }: expected an object of schemas and options`,
    );
  }
  for (const key of Object.keys(declared)) {
    if (KEYS[shape].includes(key)) continue;
    if (key === "once") {
      throw new TypeError(
        `Cannot declare ${shape}() with "once": only the outcome of unary() can be stored`,
      );
    }
    if (key === "idempotent") {
      throw new TypeError(
        `Cannot declare ${shape}() with "idempotent": a notification is sent at most once`,
      );
    }
    throw new TypeError(
      `Cannot declare ${shape}() with "${key}": expected one of ${
        KEYS[shape].join(", ")
      }`,
    );
  }
}

function schemaOf(
  schema: StandardSchema | undefined,
  shape: Shape,
  what: string,
): StandardSchema | undefined {
  if (schema === undefined || isUnchecked(schema)) return undefined;
  // Schemas may be functions (arktype), so only "~standard" identifies one.
  const standard: unknown = (schema as Partial<StandardSchema> | null) // a JavaScript user may pass any value
    ?.["~standard"];
  if (
    typeof standard === "object" && standard !== null &&
    "version" in standard && standard.version === 1 &&
    "validate" in standard && typeof standard.validate === "function"
  ) return schema;
  throw new TypeError(
    `Cannot use the ${what} of ${shape}() as a schema: it does not implement Standard Schema version 1`,
  );
}

function errorsOf(errors: ErrorSchemas, shape: Shape): ErrorSchemas {
  const table: Record<string, StandardSchema | null> = Object.create(null);
  for (const [name, schema] of Object.entries(errors)) {
    checkName(name, name, "an error");
    // Keep a schema made by typed(): null would mean that the error has no data.
    table[name] = schema === null
      ? null
      : schemaOf(schema, shape, `error "${name}"`) ?? schema;
  }
  return Object.freeze(table);
}
