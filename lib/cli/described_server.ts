/**
 * The methods of a server, as introspection describes them.
 *
 * @module
 */
import { CallError } from "../messages/errors/call_error.ts";
import type { MethodSchemas } from "../messages/protocol/method_schemas.ts";
import type { Side } from "../messages/protocol/protocol_types.ts";
import { Health } from "../messages/health/health_service.ts";
import { describeProtocol } from "../messages/introspection/describe_protocol.ts";
import { Introspection } from "../messages/introspection/introspection_service.ts";
import { Operations } from "../messages/operations/operations_protocol.ts";
import { mergeProtocols } from "../messages/protocol/protocol.ts";
import { isRecord, type JsonSchema } from "../messages/schema/json_schema.ts";
import { type Shape, SHAPES } from "../messages/session/wire/shape.ts";
import { printable } from "../messages/support/printable.ts";
import { didYouMean } from "../support/did_you_mean.ts";
import { openSession, type Target } from "./connecting.ts";
import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";

/** A method that a server describes. */
export interface DescribedMethod {
  /** Side that handles the method. */
  readonly side: Side;
  /** Dotted name. */
  readonly name: string;
  /** Shape of the method. */
  readonly shape: Shape;
  /** JSON Schemas of the method's values. */
  readonly schemas: MethodSchemas;
  /** Default timeout of a call in ms, if it is declared. */
  readonly timeout?: number;
  /** Whether repeating a call is harmless. */
  readonly idempotent: boolean;
  /** Whether a repeated call runs at most once. */
  readonly once: boolean;
  /** Description for people; may be `""`. */
  readonly description: string;
}

/**
 * Methods that servers offer to operators, with their shapes.
 *
 * A server describes the methods of its own protocol, which need not include
 * these.
 */
const OPERATORS_METHODS: readonly DescribedMethod[] = readDescription(
  describeProtocol(mergeProtocols(Introspection, Health, Operations)),
).methods;

/** The methods of a server. */
export interface DescribedServer {
  /** Name of the protocol. */
  readonly name: string;
  /** Methods of both sides, the server's first. */
  readonly methods: readonly DescribedMethod[];
}

/**
 * Asks a server for its methods.
 *
 * @throws {CliError} with the code `unreached` if there is no session, or `no`
 * if the server does not describe its methods
 * @throws {CallError} if the call fails
 */
export async function describeServer(
  target: Target,
  io: Io,
): Promise<DescribedServer> {
  const session = await openSession(Introspection, target, io);
  try {
    const described: unknown = await session.remote.introspection.describe(
      undefined,
      { timeout: target.timeout, signal: io.interrupted },
    );
    return readDescription(described);
  } catch (error) {
    throw notDescribed(error, target.url);
  } finally {
    await session.close();
  }
}

/** Explains the error of a server that does not serve Introspection. */
export function notDescribed(error: unknown, url: string): unknown {
  if (!(error instanceof CallError && error.code === "unimplemented")) {
    return error;
  }
  return new CliError(`${url} does not describe its methods`, {
    code: "no",
    cause: error,
    hint:
      "merge Introspection into the server's protocol, or name the shape of the method: call … --shape unary",
  });
}

/** Reads a description; a server may send anything. */
export function readDescription(described: unknown): DescribedServer {
  const { name, server, client } = isRecord(described) ? described : {};
  return {
    name: typeof name === "string" ? name : "",
    methods: [...methodsOf("server", server), ...methodsOf("client", client)],
  };
}

function methodsOf(side: Side, list: unknown): DescribedMethod[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((given: unknown) => {
    if (!isRecord(given) || typeof given["name"] !== "string") return [];
    const shape = SHAPES.find((each) => each === given["shape"]);
    if (shape === undefined) return [];
    const { name, timeout, description } = given;
    return {
      side,
      name,
      shape,
      schemas: schemasOf(given["schemas"]),
      ...(isTimeout(timeout) ? { timeout } : {}),
      idempotent: given["idempotent"] === true,
      once: given["once"] === true,
      description: typeof description === "string" ? description : "",
    };
  });
}

/** Returns whether a method can be declared with a timeout. */
function isTimeout(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 &&
    value < 2 ** 31;
}

function schemasOf(given: unknown): MethodSchemas {
  const { input, output, opening, errors } = isRecord(given) ? given : {};
  return {
    input: schemaOf(input),
    output: schemaOf(output),
    opening: schemaOf(opening),
    errors: Object.fromEntries(
      Object.entries(isRecord(errors) ? errors : {})
        .map(([name, schema]) => [name, schemaOf(schema)]),
    ),
  };
}

function schemaOf(given: unknown): JsonSchema | null {
  return isRecord(given) ? given : null;
}

/** Returns the methods that a client may call: described ones and operators'. */
export function callableMethods(
  { methods }: DescribedServer,
): DescribedMethod[] {
  const described = methods.filter(({ side }) => side === "server");
  const names = new Set(described.map(({ name }) => name));
  return described.concat(
    OPERATORS_METHODS.filter(({ name }) => !names.has(name)),
  );
}

/**
 * Returns a method by its name.
 *
 * @throws {CallError} with the code `unimplemented` if it does not exist
 */
export function methodNamed(
  name: string,
  methods: readonly DescribedMethod[],
): DescribedMethod {
  const found = methods.find((method) => method.name === name);
  if (found !== undefined) return found;
  const names = methods.map((method) => printable(method.name));
  throw new CallError(
    `The server has no method ${JSON.stringify(name)}${
      didYouMean(name, names)
    }`,
    { code: "unimplemented", method: name, processed: "no" },
  );
}
