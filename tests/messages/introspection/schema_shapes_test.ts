/**
 * Schemas of each library with methods of every shape, called by either side:
 * results for the caller and for the callee.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { isDeclared } from "../../../lib/messages/protocol/declared_errors.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import type {
  Handlers,
  Remote,
} from "../../../lib/messages/protocol/protocol_types.ts";
import { SchemaError } from "../../../lib/messages/schema/standard_schema.ts";
import type { CallError } from "../../../lib/messages/errors/call_error.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { dial, failureOf, incidents, until } from "../kit.ts";
import {
  LIBRARIES,
  type Library,
  type Order,
} from "../schema/schema_libraries.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

function declare({ order, doubled }: Library) {
  const schemas = {
    input: order,
    output: doubled,
    errors: { short: order },
  };
  const methods = {
    one: unary(schemas),
    note: notification({ input: order }),
    down: serverStream(schemas),
    up: clientStream(schemas),
    both: duplex(schemas),
  };
  return protocol({ name: "shapes", server: methods, client: methods });
}

type Shapes = ReturnType<typeof declare>;
type Asked = Remote<Shapes, "server">;

/** Counts that select what a handler does. */
const GOOD = 5, SHORT = 7, BAD_DATA = 8, BAD_OUTPUT = 101, BAD_INPUT = 0;

interface Failing {
  error(name: "short", data: Order): CallError;
}

function given({ count }: Order, context: Failing): number {
  if (count === SHORT) throw context.error("short", { count });
  if (count === BAD_DATA) throw context.error("short", { count: 0 });
  return count;
}

/** Returns the handlers, which are the same for both sides. */
function handlers(noted: number[]): Handlers<Shapes, "server"> {
  return {
    one: given,
    note: ({ count }) => void noted.push(count),
    async *down(order, context) {
      yield 1;
      yield await Promise.resolve(given(order, context));
    },
    async up(orders, context) {
      let last = 0;
      for await (const order of orders) last = given(order, context);
      return last;
    },
    async *both(orders, context) {
      for await (const order of orders) yield given(order, context);
    },
  };
}

/** Calls a method with `count`, after a valid item if the shape has items. */
type Call = (asked: Asked, count: number, got: number[]) => Promise<unknown>;

async function into(got: number[], items: AsyncIterable<number>) {
  for await (const item of items) got.push(item);
}

/**
 * For each shape: the call, the items that the handler sends before `count`,
 * and whether an invalid input enters the handler.
 */
const CALLS = {
  one: {
    call: async ({ one }, count, got) => got.push(await one({ count })),
    before: [],
    entered: "no",
  },
  down: {
    call: ({ down }, count, got) => into(got, down({ count })),
    before: [2],
    entered: "no",
  },
  up: {
    call: async ({ up }, count, got) =>
      got.push(await up([{ count: 1 }, { count }]).result),
    before: [],
    entered: "yes",
  },
  both: {
    call: ({ both }, count, got) => into(got, both([{ count: 1 }, { count }])),
    before: [2],
    entered: "yes",
  },
} as const satisfies Record<
  string,
  { call: Call; before: readonly number[]; entered: string }
>;

const SHAPES = Object.keys(CALLS) as (keyof typeof CALLS)[];

/** Checks of the errors that `onError` receives. */
const INCIDENTS = {
  [BAD_OUTPUT](error: unknown) {
    assert(error instanceof Error && error.cause instanceof SchemaError);
  },
  [BAD_DATA](error: unknown) {
    assert(error instanceof Error && error.cause instanceof SchemaError);
    assertStringIncludes(error.message, 'threw its declared error "short"');
  },
};

/** Connects both sides, one of which calls the other. */
async function sides(library: Library, calls: "client" | "server") {
  const Shapes = declare(library);
  const noted: number[] = [];
  const { list, onError } = incidents();
  const callerIncidents = incidents();
  const [ofServer, ofClient] = calls === "client"
    ? [onError, callerIncidents.onError]
    : [callerIncidents.onError, onError];
  const server = createServer(Shapes, { onError: ofServer }).handle(
    handlers(noted),
  );
  const client = await connect(Shapes, dial(server), {
    handlers: handlers(noted),
    onError: ofClient,
  });
  const [served] = server.sessions;
  assert(served !== undefined);
  return {
    methods: Shapes.server,
    asked: calls === "client" ? client.remote : served.remote,
    get stats() {
      return calls === "client" ? served.stats : client.stats;
    },
    noted,
    list,
    async [Symbol.asyncDispose]() {
      assertEquals(
        callerIncidents.list,
        [],
        "the calling side has no incidents",
      );
      await client.close();
      await server.shutdown();
    },
  };
}

for (const [name, library] of Object.entries(LIBRARIES)) {
  for (const calls of ["client", "server"] as const) {
    const here = `${name}, called by the ${calls}`;

    Deno.test(
      `notification() of ${here}: an invalid input is dropped and counted`,
      none,
      async () => {
        await using both = await sides(library, calls);
        const { asked, noted, list } = both;
        await asked.note({ count: GOOD });
        await asked.note({ count: BAD_INPUT });
        await asked.note({ count: SHORT });
        await until(() => noted.length >= 2);
        assertEquals(noted, [GOOD, SHORT]);
        assertEquals([both.stats.malformedCalls, list.length], [1, 0]);
      },
    );

    Deno.test(
      `inputs and outputs of every shape of ${here} are validated and converted`,
      none,
      async () => {
        await using both = await sides(library, calls);
        for (const shape of SHAPES) {
          const { call, before, entered } = CALLS[shape];
          const good: number[] = [];
          await call(both.asked, GOOD, good);
          assertEquals(good, [...before, 2 * GOOD], shape);
          const failure = await failureOf(call(both.asked, BAD_INPUT, []));
          const { code, processed, data } = failure;
          assertEquals([code, processed], ["invalid", entered], shape);
          assert(JSON.stringify(data).includes("issues"), shape);
        }
        assertEquals(both.list, [], "an invalid input is not an incident");
      },
    );

    Deno.test(
      `isDeclared() recognizes the errors of every shape of ${here}, with their data`,
      none,
      async () => {
        await using both = await sides(library, calls);
        for (const shape of SHAPES) {
          const { call, before } = CALLS[shape];
          const got: number[] = [];
          const error = await failureOf(call(both.asked, SHORT, got));
          assert(isDeclared(both.methods[shape], error, "short"), shape);
          assertEquals(error.data, { count: SHORT }, shape);
          assertEquals([error.processed, ...got], ["yes", ...before], shape);
        }
        assertEquals(both.list, []);
      },
    );

    Deno.test(
      `invalid errors and outputs of every shape of ${here} are incidents`,
      none,
      async () => {
        await using both = await sides(library, calls);
        for (const shape of SHAPES) {
          const { call, before } = CALLS[shape];
          for (const count of [BAD_OUTPUT, BAD_DATA] as const) {
            const got: number[] = [];
            const error = await failureOf(call(both.asked, count, got));
            const { code, processed, data, incident } = error;
            assertEquals(
              [code, processed, data, ...got],
              ["internal", "yes", undefined, ...before],
              `${shape} ${count}`,
            );
            const reported = both.list.pop();
            assertEquals([reported?.id, reported?.method], [incident, shape]);
            INCIDENTS[count](reported?.error);
          }
        }
        assertEquals(both.list, []);
      },
    );
  }
}
