import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { DEFAULT_LIMITS } from "../../../lib/messages/session/wire/limits.ts";
import { ALL_PLUGINS } from "../../../lib/messages/connection/all_plugins.ts";
import {
  type Incident,
  resolveSessionOptions,
} from "../../../lib/messages/connection/session_options.ts";
import { turns } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "resolveSessionOptions() fills in the defaults and checks limits",
  none,
  () => {
    const resolved = resolveSessionOptions(
      "client",
      { limits: { maxCalls: 64 } },
      ALL_PLUGINS,
    );
    assertEquals(resolved.codecs.map(({ name }) => name), ["msgpack"]);
    assertEquals(resolved.limits, { ...DEFAULT_LIMITS, maxCalls: 64 });
    assertThrows(
      () =>
        resolveSessionOptions(
          "client",
          { limits: { maxCalls: 0 } },
          ALL_PLUGINS,
        ),
      RangeError,
      'limit "maxCalls"',
    );
    assertThrows(
      () =>
        resolveSessionOptions(
          "client",
          { exposeErrors: "all" as "stack" },
          ALL_PLUGINS,
        ), // possible from JavaScript
      RangeError,
      'Cannot expose errors as "all"',
    );
  },
);

Deno.test(
  "without observers, nothing is created for a session or a call",
  none,
  () => {
    // Sessions and remotes look at this member only.
    assertEquals(
      resolveSessionOptions("client", {}, ALL_PLUGINS).observers,
      undefined,
    );
    assertEquals(
      resolveSessionOptions("client", { observers: [] }, ALL_PLUGINS).observers,
      undefined,
    );
    for (const observers of [{}, [undefined], ["x"]]) {
      assertThrows(
        () =>
          resolveSessionOptions(
            "client",
            { observers: observers as never },
            ALL_PLUGINS,
          ), // possible from JavaScript
        TypeError,
        "Cannot use",
      );
    }
  },
);

Deno.test(
  "report() creates an id for each incident, also when onError fails",
  none,
  async () => {
    const told: Incident[] = [];
    const error = new Error("x");
    for (
      const fail of [
        () => {},
        () => {
          throw new Error("sync");
        },
        () => Promise.reject(new Error("async")),
      ]
    ) {
      const { report } = resolveSessionOptions("client", {
        onError(incident) {
          told.push(incident);
          return fail();
        },
      }, ALL_PLUGINS);
      const { incident: id, exposed } = report(error, "shop.price");
      assertEquals(exposed, "");
      assertMatch(id, /^[0-9a-f-]{36}$/);
      assertEquals(told.at(-1), { id, method: "shop.price", error });
    }
    await turns();
    assertEquals(new Set(told.map(({ id }) => id)).size, 3);
  },
);

Deno.test(
  "report() prints with console.error when there is no onError",
  none,
  () => {
    const printed: unknown[][] = [];
    const { error } = console;
    console.error = (...args) => void printed.push(args);
    try {
      const { report } = resolveSessionOptions("client", {}, ALL_PLUGINS);
      const failure = new Error("x");
      const { incident: first } = report(failure, "a.b");
      const { incident: second } = report(failure, "");
      const text = failure.stack!.replaceAll("\n", "\n    "); // V8 sets it
      assertEquals(printed, [
        [`Incident ${first} in a.b: ${text}`],
        [`Incident ${second}: ${text}`],
      ]);
    } finally {
      console.error = error;
    }
  },
);
