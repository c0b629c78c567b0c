/**
 * The default limits: sessions and codecs without limits of their own follow the
 * table of `lib/messages/README.md`, "Limits", and the documentation of the
 * options names the same values.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { CodecError } from "../../lib/messages/codec/errors.ts";
import { json } from "../../lib/messages/codec/json.ts";
import { msgpack } from "../../lib/messages/codec/msgpack.ts";
import { DEFAULT_MEMORY } from "../../lib/messages/connection/memory_budget.ts";
import { DEFAULT_PER_PRINCIPAL } from "../../lib/messages/server/resume_options.ts";
import { DEFAULT_MAX_TOPICS } from "../../lib/messages/server/server_bus.ts";
import { DEFAULT_MAX_SESSIONS } from "../../lib/messages/server/server.ts";
import { Kind } from "../../lib/messages/session/wire/frame_header.ts";
import { decodeHello } from "../../lib/messages/session/wire/hello.ts";
import { DEFAULT_UNFLUSHED } from "../../lib/nats/nats_bus.ts";
import { resolveStreamOptions } from "../../lib/nats/stream_options.ts";
import { tableRows } from "./readme.ts";
import { Lone } from "./session/lone_session.ts";

const CODEC = "depth, nodes, bytes (of a codec)";
const HELD_AND_KEYS = "`maxHeld`, `maxKeys` (of a codec)";
const SESSIONS = "`maxSessions` (of a server)";
const MEMORY = "`memory` (of a client or server)";
const GATEWAY = "`memory` (of a gateway for sessions)";
const PER_PRINCIPAL = "`resume.perPrincipal` (of a server)";

const MAX_TOPICS = "`busOptions.maxTopics` (of a server)";
const UNFLUSHED = "`maxUnflushed` (of a bus over NATS)";
const WINDOWS = "`window`, `totalWindow` (of a listener over NATS)";

const documented = tableRows("Limits");

/** Defaults that a row names; several limits may share a row. */
function defaults(name: string): number[] {
  const [cell = ""] = documented.get(name) ?? [];
  return cell.split(", ").map(sizeOf);
}

/** Parses `1,024`, `1,024+` or `16 MiB`. */
function sizeOf(text: string): number {
  const [digits = "", unit] = text.split(" ");
  return Number(digits.replaceAll(/[,+]/g, "")) *
    (unit === "MiB" ? 2 ** 20 : 1);
}

/** The limits of a session in the table, by name. */
function sessionLimits(): Record<string, number | undefined> {
  const named = [...documented.keys()].flatMap((name) => {
    if (name.includes(" (of a ")) return [];
    const values = defaults(name);
    return name.split(", ").map((one, at) =>
      [one.replaceAll("`", ""), values[at]] as const
    );
  });
  return Object.fromEntries(named);
}

Deno.test("a session without limits has those of the table", () => {
  assertEquals({ ...new Lone("client").session.limits }, sessionLimits());
});

Deno.test("a session without limits announces those of the table", () => {
  const lone = new Lone("client");
  lone.session.enter(0).start(undefined);
  const [hello] = lone.sent();
  assertEquals(hello?.kind, Kind.HELLO);
  const announced = Object.entries(decodeHello(hello!.body, 1024))
    .filter(([name]) => name in sessionLimits());
  const table = sessionLimits();
  const { maxAssembly = 0 } = table;
  table.maxAssembly = maxAssembly / 2; // the other half is for items
  assertEquals(
    Object.fromEntries(announced),
    Object.fromEntries(announced.map(([name]) => [name, table[name]])),
  );
  assertEquals(announced.length, 9);
});

Deno.test("the documentation of SessionLimits has the values of the table", async () => {
  const file = new URL(
    "../../lib/messages/session/wire/limits.ts",
    import.meta.url,
  );
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", file.href],
  }).output();
  assertEquals(documentedDefaults(stdout), sessionLimits());
});

/** The output of `deno doc --json`, as far as it is used. */
interface Documentation {
  readonly nodes: Record<string, {
    readonly symbols: readonly {
      readonly name: string;
      readonly declarations: readonly {
        readonly def: { readonly properties?: readonly Property[] };
      }[];
    }[];
  }>;
}

interface Property {
  readonly name: string;
  readonly jsDoc: unknown;
}

/** Returns the number after `@default` of each property of SessionLimits. */
function documentedDefaults(output: Uint8Array): Record<string, number> {
  const { nodes }: Documentation = JSON.parse(new TextDecoder().decode(output));
  const properties = Object.values(nodes).flatMap(({ symbols }) => symbols)
    .filter(({ name }) => name === "SessionLimits")
    .flatMap(({ declarations }) => declarations)
    .flatMap(({ def }) => def.properties ?? []);
  return Object.fromEntries(properties.map(({ name, jsDoc }) => {
    // The number may be followed by a condition for another value.
    const [, value] = JSON.stringify(jsDoc).match(/\{(\d+)[,}]/) ?? [];
    return [name, Number(value)];
  }));
}

for (const codec of [msgpack(), json()]) {
  Deno.test(`${codec.name}() without limits follows the table`, () => {
    const [depth = 0, nodes = 0, size = 0] = defaults(CODEC);
    const nested = (levels: number): unknown =>
      levels === 0 ? 0 : [nested(levels - 1)];
    const cases: [string, number, (amount: number) => unknown][] = [
      ["maxDepth", depth, nested],
      ["maxNodes", nodes, (amount) => new Array(amount - 1).fill(0)],
      ["maxBytes", size, (amount) => "x".repeat(amount)],
    ];
    for (const [limit, most, valueOf] of cases) {
      codec.encode(valueOf(most));
      const error = assertThrows(
        () => codec.encode(valueOf(most + 1)),
        CodecError,
      );
      assertEquals([error.limit, error.allowed], [limit, most]);
    }
  });

  Deno.test(`${codec.name}() without limits allows the bytes held of the table`, () => {
    const [most] = defaults(HELD_AND_KEYS);
    const valueOf = (length: number) => [
      "x".repeat(length),
      ...Array.from({ length: 330_000 }, () => [1]),
    ];
    const heldBy = (length: number) => {
      const budget = { held: 0 };
      codec.decode(codec.encode(valueOf(length)), budget);
      return budget.held;
    };
    const longest = 8 + most! - heldBy(8); // one byte for each character
    assertEquals(heldBy(longest), most);
    const error = assertThrows(
      () => codec.encode(valueOf(longest + 8)),
      CodecError,
    );
    assertEquals([error.limit, error.allowed], ["maxHeld", most]);
  });
}

for (const [codec, bytesPerKey] of [[msgpack(), 22], [json(), 26]] as const) {
  Deno.test(`${codec.name}() without limits allows the different keys of the table`, () => {
    const [, most] = defaults(HELD_AND_KEYS);
    const bodyWith = (count: number) => {
      const keys = Array.from({ length: count }, (_, key) => key.toString(36));
      return codec.encode(
        Object.fromEntries(keys.map((key) => [`k${key}`, 1])),
      );
    };
    let [accepted, refused] = [most!, 4 * most!];
    let error: CodecError | undefined;
    while (refused - accepted > 1) {
      const count = (accepted + refused) >> 1;
      try {
        codec.decode(bodyWith(count));
        accepted = count;
      } catch (thrown) {
        assert(thrown instanceof CodecError);
        error = thrown;
        refused = count;
      }
    }
    const allowed = most! + Math.floor(bodyWith(refused).length / bytesPerKey);
    assertEquals(
      [error?.limit, error?.allowed, error?.found],
      ["maxKeys", allowed, allowed + 1],
    );
  });
}

Deno.test("DEFAULT_MEMORY has the value of the table", () => {
  assertEquals([DEFAULT_MEMORY], defaults(MEMORY));
  assertEquals([DEFAULT_MEMORY], defaults(GATEWAY));
});

Deno.test("DEFAULT_MAX_SESSIONS has the value of the table", () => {
  assertEquals([DEFAULT_MAX_SESSIONS], defaults(SESSIONS));
});

Deno.test("DEFAULT_PER_PRINCIPAL has the value of the table", () => {
  assertEquals([DEFAULT_PER_PRINCIPAL], defaults(PER_PRINCIPAL));
});

Deno.test("the limits of buses and of NATS have the values of the table", () => {
  assertEquals([DEFAULT_MAX_TOPICS], defaults(MAX_TOPICS));
  assertEquals([DEFAULT_UNFLUSHED], defaults(UNFLUSHED));
  const { window, totalWindow } = resolveStreamOptions("", {});
  assertEquals([window, totalWindow], defaults(WINDOWS));
});
