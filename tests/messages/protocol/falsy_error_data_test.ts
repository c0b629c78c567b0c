/**
 * Declared errors keep data that is falsy, in every shape.
 *
 * @module
 */
import {
  clientStream,
  duplex,
  isDeclared,
  json,
  protocol,
  serverStream,
  typed,
  unary,
} from "@lengthwise/lengthwise";
import { describeProtocol } from "@lengthwise/lengthwise/introspection";
import { testPair } from "@lengthwise/lengthwise/testing";
import { assert, assertEquals } from "@std/assert";
import { all, failureOf } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const errors = {
  zero: typed<number>(),
  empty: typed<string>(),
  no: typed<boolean>(),
  nothing: typed<null>(),
  plain: null,
  list: typed<number[]>(),
};
type Name = keyof typeof errors;
const DATA: Readonly<Record<Name, unknown>> = {
  zero: 0,
  empty: "",
  no: false,
  nothing: null,
  plain: undefined,
  list: [],
};
const P = protocol({
  name: "p",
  server: {
    ask: unary({ input: typed<Name>(), errors }),
    down: serverStream({
      input: typed<Name>(),
      output: typed<number>(),
      errors,
    }),
    up: clientStream({ input: typed<Name>(), errors }),
    both: duplex({ input: typed<Name>(), output: typed<number>(), errors }),
  },
});

for (const codec of ["msgpack", "json"] as const) {
  Deno.test(`declared errors keep falsy data over ${codec}`, none, async () => {
    const codecs = codec === "json" ? { codecs: [json()] as const } : {};
    // deno-lint-ignore no-explicit-any -- the name is computed
    const fail = (name: Name, error: any) => {
      if (name === "plain") throw error(name);
      throw error(name, DATA[name]);
    };
    await using pair = await testPair(P, { server: codecs, client: codecs })
      .handle({
        ask: (name, { error }) => fail(name, error),
        // deno-lint-ignore require-yield -- it fails
        async *down(name, { error }) {
          fail(name, error);
        },
        async up(names, { error }) {
          for await (const name of names) fail(name, error);
        },
        // deno-lint-ignore require-yield -- it fails
        async *both(names, { error }) {
          for await (const name of names) fail(name, error);
        },
      });
    const { remote } = pair.session;
    // the keys of an object literal whose type is known
    for (const name of Object.keys(errors) as Name[]) {
      const failures = {
        ask: await failureOf(remote.ask(name)),
        down: await failureOf(all(remote.down(name))),
        up: await failureOf(remote.up([name]).result),
        both: await failureOf(all(remote.both([name]))),
      };
      for (const [method, error] of Object.entries(failures)) {
        assertEquals(
          [method, error.code, error.declared, error.data],
          [method, "declared", name, DATA[name]],
        );
      }
      assert(isDeclared(P.server.ask, failures.ask, name));
    }
  });
}

Deno.test("describeProtocol() lists declared errors of typed()", none, () => {
  const { server } = describeProtocol(P);
  for (const method of server) {
    assertEquals(
      Object.keys(method.schemas.errors ?? {}).toSorted(),
      Object.keys(errors).toSorted(),
    );
  }
});
