/**
 * Types of a method of each shape, on either side, declared by types or by
 * schemas: code that must not compile. Each case is written once, for one of these
 * four combinations; the other three have identical types, which `Alike` proves.
 * The compiler checks this file; nothing here runs.
 *
 * @module
 */
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import { connect } from "../../../../lib/messages/client/connect.ts";
import {
  type ErrorsOf,
  isDeclared,
} from "../../../../lib/messages/protocol/declared_errors.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../../lib/messages/protocol/protocol.ts";
import type {
  Handlers,
  Remote,
} from "../../../../lib/messages/protocol/protocol_types.ts";
import { createServer } from "../../../../lib/messages/server/server.ts";

interface In {
  n: number;
}
interface Out {
  text: string;
}
interface Opening {
  name: string;
}
interface Errors {
  full: { left: number };
}

const byTypes = {
  one: unary<In, Out, Errors>(),
  note: notification<In>(),
  down: serverStream<In, Out, Errors>(),
  up: clientStream<In, Out, Errors, Opening>(),
  both: duplex<In, Out, Errors, Opening>(),
};

const input = z.object({ n: z.number() });
const output = v.object({ text: v.string() });
const opening = type({ name: "string" });
const errors = { full: z.object({ left: z.number() }) };

const bySchemas = {
  one: unary({ input, output, errors }),
  note: notification({ input }),
  down: serverStream({ input, output, errors }),
  up: clientStream({ input, output, errors, opening }),
  both: duplex({ input, output, errors, opening }),
};

const Types = protocol({ name: "t", server: byTypes, client: byTypes });
const Schemas = protocol({ name: "s", server: bySchemas, client: bySchemas });

// ── the four are alike ─────────────────────────────────────────────────────

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;
type All<Cases extends Record<string, true>> = Cases;
type None<Cases extends Record<string, false>> = Cases;

type Failing = "one" | "down" | "up" | "both";
type Asked = Remote<typeof Types, "server">;
type Told = Handlers<typeof Types, "server", { user: string }>;

export type Alike = All<{
  typesAskedOfTheClient: Same<Asked, Remote<typeof Types, "client">>;
  schemasAskedOfTheServer: Same<Asked, Remote<typeof Schemas, "server">>;
  schemasAskedOfTheClient: Same<Asked, Remote<typeof Schemas, "client">>;
  typesOnTheClient: Same<
    Told,
    Handlers<typeof Types, "client", { user: string }>
  >;
  schemasOnTheServer: Same<
    Told,
    Handlers<typeof Schemas, "server", { user: string }>
  >;
  schemasOnTheClient: Same<
    Told,
    Handlers<typeof Schemas, "client", { user: string }>
  >;
  errors: Same<
    { [Name in Failing]: ErrorsOf<typeof byTypes[Name]> },
    { [Name in Failing]: ErrorsOf<typeof bySchemas[Name]> }
  >;
}>;

const narrower = protocol({
  name: "n",
  server: { ...byTypes, both: duplex<In, Out, Errors, { name: "a" }>() },
});

/** Proves that `Same` distinguishes types that differ in one opening. */
export type Unlike = None<{
  remotes: Same<Asked, Remote<typeof narrower, "server">>;
  handlers: Same<Told, Handlers<typeof narrower, "server", { user: string }>>;
}>;

// ── callers ────────────────────────────────────────────────────────────────

declare const remote: Asked;
const options = { opening: { name: "a" } };

export async function wrongCalls(): Promise<void> {
  // @ts-expect-error unary: wrong input
  await remote.one({ n: "1" });
  // @ts-expect-error unary: wrong output
  (await remote.one({ n: 1 })).text satisfies number;
  // @ts-expect-error notification: wrong input
  await remote.note({ n: "1" });
  // @ts-expect-error notification: there is no output
  (await remote.note({ n: 1 })) satisfies Out;
  // @ts-expect-error serverStream: wrong input
  remote.down({ n: "1" });
  for await (const item of remote.down({ n: 1 })) {
    // @ts-expect-error serverStream: wrong item out
    item.text satisfies number;
  }
  // @ts-expect-error clientStream: wrong items in
  remote.up([{ n: "1" }], options);
  // @ts-expect-error clientStream: wrong item in, sent later
  await remote.up(undefined, options).send({ n: "1" });
  // @ts-expect-error clientStream: wrong result
  (await remote.up([], options).result).text satisfies number;
  // @ts-expect-error clientStream: wrong opening
  remote.up([], { opening: { name: 1 } });
  // @ts-expect-error duplex: wrong items in
  remote.both([{ n: "1" }], options);
  // @ts-expect-error duplex: wrong item in, sent later
  await remote.both(undefined, options).send({ n: "1" });
  for await (const item of remote.both([], options)) {
    // @ts-expect-error duplex: wrong item out
    item.text satisfies number;
  }
  // @ts-expect-error duplex: wrong opening
  remote.both([], { opening: { name: 1 } });
  // @ts-expect-error duplex: the opening is missing
  remote.both([]);
  // @ts-expect-error unknown method
  remote.none({ n: 1 });
}

export function wrongErrors(error: unknown): void {
  const { one, down, up, both } = byTypes;
  // @ts-expect-error unary: an error that is not declared
  isDeclared(one, error, "empty");
  // @ts-expect-error serverStream: an error that is not declared
  isDeclared(down, error, "empty");
  // @ts-expect-error clientStream: an error that is not declared
  isDeclared(up, error, "empty");
  // @ts-expect-error duplex: an error that is not declared
  isDeclared(both, error, "empty");
  // @ts-expect-error unary: wrong data
  if (isDeclared(one, error, "full")) error.data.left satisfies string;
  // @ts-expect-error serverStream: wrong data
  if (isDeclared(down, error, "full")) error.data.left satisfies string;
  // @ts-expect-error clientStream: wrong data
  if (isDeclared(up, error, "full")) error.data.left satisfies string;
  // @ts-expect-error duplex: wrong data
  if (isDeclared(both, error, "full")) error.data.left satisfies string;
}

// ── handlers ───────────────────────────────────────────────────────────────

export const handlers: Told = {
  one({ n }, context) {
    // @ts-expect-error unary: an error that is not declared
    context.error("empty");
    // @ts-expect-error unary: wrong error data
    context.error("full", { left: "1" });
    return { text: String(n) };
  },
  note(_, context) {
    // @ts-expect-error notification: it declares no errors
    context.error("full", { left: 1 });
  },
  async *down({ n }, context) {
    // @ts-expect-error serverStream: an error that is not declared
    context.error("empty");
    // @ts-expect-error serverStream: wrong error data
    context.error("full", { left: "1" });
    yield await Promise.resolve({ text: String(n) });
  },
  async up(items, context) {
    // @ts-expect-error clientStream: an error that is not declared
    context.error("empty");
    // @ts-expect-error clientStream: wrong error data
    context.error("full", { left: "1" });
    // @ts-expect-error clientStream: wrong item in
    for await (const { n } of items) n satisfies string;
    return { text: context.opening.name };
  },
  async *both(items, context) {
    // @ts-expect-error duplex: an error that is not declared
    context.error("empty");
    // @ts-expect-error duplex: wrong error data
    context.error("full", { left: "1" });
    // @ts-expect-error duplex: wrong item in
    for await (const { n } of items) n satisfies string;
    yield { text: context.opening.name };
  },
};

export const wrongOutputs: Told = {
  // @ts-expect-error unary: wrong output
  one: () => ({ text: 1 }),
  // @ts-expect-error notification: there is no output
  note: () => Promise.resolve(1),
  // @ts-expect-error serverStream: wrong item out
  async *down() {
    yield await Promise.resolve({ text: 1 });
  },
  // @ts-expect-error clientStream: wrong result
  up: () => ({ text: 1 }),
  // @ts-expect-error duplex: wrong item out
  async *both() {
    yield await Promise.resolve({ text: 1 });
  },
};

interface Wrong {
  n: string;
}

export const wrongInputs: Told = {
  // @ts-expect-error unary: wrong input
  one: (_: Wrong) => ({ text: "" }),
  // @ts-expect-error notification: wrong input
  note: (_: Wrong) => {},
  // @ts-expect-error serverStream: wrong input
  async *down(_: Wrong) {
    yield await Promise.resolve({ text: "" });
  },
  // @ts-expect-error clientStream: wrong items in
  up: (_: AsyncIterable<Wrong>) => ({ text: "" }),
  // @ts-expect-error duplex: wrong items in
  async *both(_: AsyncIterable<Wrong>) {
    yield await Promise.resolve({ text: "" });
  },
};

declare function without<Name extends keyof Told>(name: Name): Omit<Told, Name>;

export function wrongSets(): void {
  // @ts-expect-error the unary handler is missing
  without("one") satisfies Told;
  // @ts-expect-error the notification's handler is missing
  without("note") satisfies Told;
  // @ts-expect-error the serverStream handler is missing
  without("down") satisfies Told;
  // @ts-expect-error the clientStream handler is missing
  without("up") satisfies Told;
  // @ts-expect-error the duplex handler is missing
  without("both") satisfies Told;
  // @ts-expect-error an extra handler
  ({ ...handlers, none() {} }) satisfies Told;
}

// ── options that take handlers ─────────────────────────────────────────────

declare const all: Handlers<typeof Types, "server">;
declare const { both: _, ...some }: Handlers<typeof Types, "server">;

export async function wrongSides(): Promise<void> {
  createServer(Types).handle(all);
  createServer(Schemas).handle(all);
  // @ts-expect-error types, server: a handler is missing
  createServer(Types).handle(some);
  // @ts-expect-error schemas, server: a handler is missing
  createServer(Schemas).handle(some);
  // @ts-expect-error types, server: an extra handler
  createServer(Types).handle({ ...all, none() {} });
  // @ts-expect-error schemas, server: an extra handler
  createServer(Schemas).handle({ ...all, none() {} });
  await connect(Types, { port: 1 }, { handlers: all });
  await connect(Schemas, { port: 1 }, { handlers: all });
  // @ts-expect-error types, client: a handler is missing
  await connect(Types, { port: 1 }, { handlers: some });
  // @ts-expect-error schemas, client: a handler is missing
  await connect(Schemas, { port: 1 }, { handlers: some });
  // @ts-expect-error types, client: an extra handler
  await connect(Types, { port: 1 }, { handlers: { ...all, none() {} } });
  // @ts-expect-error schemas, client: an extra handler
  await connect(Schemas, { port: 1 }, { handlers: { ...all, none() {} } });
}
