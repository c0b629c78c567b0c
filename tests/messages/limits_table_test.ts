/**
 * The table of `lib/messages/README.md`, "Limits": it names the defaults of the
 * library, all of them and no others.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { connect } from "../../lib/messages/client/connect.ts";
import { resolveCodecLimits } from "../../lib/messages/codec/codec_limits.ts";
import { unary } from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../lib/messages/server/server.ts";
import { DEFAULT_LIMITS } from "../../lib/messages/session/wire/limits.ts";
import { dial, endOf } from "./kit.ts";
import { tableRows } from "./readme.ts";

const CODEC = "depth, nodes, bytes (of a codec)";
const SESSIONS = "`maxSessions` (of a server)";

const documented = tableRows("Limits");

/** Defaults that a row names; several limits may share a row. */
function defaults(name: string): number[] {
  const [cell = ""] = documented.get(name) ?? [];
  return cell.split(", ").map(sizeOf);
}

/** Parses `1,024` or `16 MiB`. */
function sizeOf(text: string): number {
  const [digits = "", unit] = text.split(" ");
  return Number(digits.replaceAll(",", "")) * (unit === "MiB" ? 2 ** 20 : 1);
}

Deno.test("DEFAULT_LIMITS has the limits and values of the table", () => {
  const named = [...documented.keys()].flatMap((name) => {
    if (name === CODEC || name === SESSIONS) return [];
    const values = defaults(name);
    return name.split(", ").map((one, at) => [
      one.replaceAll("`", ""),
      values[at],
    ]);
  });
  assertEquals(Object.fromEntries(named), { ...DEFAULT_LIMITS });
});

Deno.test("DEFAULT_LIMITS has the values that its documentation names", () => {
  const source = Deno.readTextFileSync(
    new URL("../../lib/messages/session/wire/limits.ts", import.meta.url),
  );
  // The number may be followed by a condition for another value.
  const named = source.matchAll(
    /@default[\s*]+\{(\d+)(?:, or [^}]+)?\}[\s*]+\/\s+(\w+): number;/g,
  );
  assertEquals(
    Object.fromEntries([...named].map(([, of, name]) => [name, Number(of)])),
    { ...DEFAULT_LIMITS },
  );
});

Deno.test("resolveCodecLimits() fills in the values of the table", () => {
  const { maxDepth, maxNodes, maxBytes } = resolveCodecLimits({});
  assertEquals([maxDepth, maxNodes, maxBytes], defaults(CODEC));
});

Deno.test("createServer() accepts as many sessions as the table names by default", async () => {
  const Echo = protocol({
    name: "echo",
    server: { echo: unary<string, string>() },
  });
  const [most = 0] = defaults(SESSIONS);
  const server = createServer(Echo, { echo: (text) => text }, {
    limits: { handshakeTimeout: 2 ** 31 - 1 }, // connecting this often may take long
  });
  // Connections count from when they are accepted, even if they send nothing.
  const silent = Array.from({ length: most - 1 }, () => dial(server));
  const last = await connect(Echo, dial(server));
  assertEquals((await endOf(connect(Echo, dial(server)))).code, "too-many");
  assertEquals(await last.remote.echo("alive"), "alive");
  await last.close();
  for (const connection of silent) connection.close();
  await server.shutdown();
});
