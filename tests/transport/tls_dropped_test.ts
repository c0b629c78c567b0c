/**
 * TLS that an address cannot have is rejected, not dropped.
 *
 * @module
 */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  checkOptionsFor,
  connect,
  optionsFor,
} from "../../lib/transport/connect.ts";
import { listen } from "../../lib/transport/listen.ts";

/** Passes an address as a JavaScript program would. */
// deno-lint-ignore no-explicit-any -- the compiler would reject the address
const untyped = (value: unknown): any => value;

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const tls = { serverName: "db.example" };

Deno.test(
  "connect() rejects TLS beside an address in memory",
  none,
  async () => {
    await using _listener = await listen({ memory: "tls" });
    await assertRejects(() => connect({ memory: "tls" }, { tls }), TypeError);
    await assertRejects(() => connect("memory:tls", { tls }), TypeError);
    await assertRejects(
      () => connect(untyped({ memory: "tls", tls })),
      TypeError,
    );
    await assertRejects(
      () => connect(untyped({ transport: "memory", name: "tls", tls })),
      TypeError,
    );
  },
);

Deno.test(
  "listen() rejects TLS beside an address in memory",
  none,
  async () => {
    const certificate = { cert: "", key: "" };
    await assertRejects(
      () => listen({ memory: "tls" }, { tls: certificate }),
      TypeError,
    );
    await assertRejects(
      () => listen(untyped({ memory: "tls", tls: certificate })),
      TypeError,
    );
  },
);

Deno.test("connect() rejects TLS beside ws:", none, async () => {
  await assertRejects(
    () => connect("ws://127.0.0.1:9/", { tls: { caCerts: [] } }),
    TypeError,
  );
  await assertRejects(
    () => connect(new URL("ws://127.0.0.1:9/"), { tls }),
    TypeError,
  );
});

Deno.test(
  "connect() rejects TLS beside a list with an address without TLS",
  none,
  async () => {
    await using _listener = await listen({ memory: "tls in a list" });
    await assertRejects(
      () => connect(["memory:tls in a list", { port: 9 }], { tls }),
      TypeError,
    );
  },
);

Deno.test("TLS options are not given twice", none, async () => {
  const own = { port: 1, tls: { caCerts: [] } };
  const twice = "address that has its own 'tls'";
  const server = { cert: "", key: "" };
  for (
    const act of [
      () => connect(own, { tls }),
      () => connect([own, { ...own, port: 2 }], { tls }),
      () => listen({ port: 0, tls: server }, { tls: server }),
    ]
  ) await assertRejects(async () => void await act(), TypeError, twice);
  assertThrows(() => checkOptionsFor([own], { tls }), TypeError, twice);

  // Among several addresses, they are the default of those without.
  checkOptionsFor([own, { port: 2 }], { tls });
  assertEquals(optionsFor(own, { tls, timeout: 5 }), { timeout: 5 });
  assertEquals(optionsFor({ port: 2 }, { tls }), { tls });
});
