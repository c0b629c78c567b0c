/**
 * The table of attacks in `lib/messages/README.md`.
 *
 * @module
 */
import type { Attack, Over } from "./attack.ts";
import type { CodecName } from "./codecs.ts";
import type { Measurement } from "./measurement.ts";

const README = new URL("../../lib/messages/README.md", import.meta.url);

const HEAD = [
  "attack",
  "on",
  "resource",
  "state",
  "frame",
  "sent",
  "held at most",
  "RSS",
  "budget",
  "lost",
  "p99",
];

/** Returns the cells of an attack that do not depend on a measurement. */
export function fixedCells(attack: Attack): string[] {
  const { name, resource, state, kind } = attack;
  return [name, victimCell(attack), resource, state, kind];
}

const OVER: Readonly<Record<Over, string>> = {
  tcp: "",
  tls: " (TLS)",
  websocket: " (WebSocket)",
  http: " (HTTP)",
  gateway: " (gateway)",
};

const CODED: Readonly<Record<CodecName, string>> = {
  msgpack: "",
  json: " (JSON)",
  "extended msgpack": " (extended)",
  "extended json": " (extended JSON)",
};

function victimCell({ victim, setup = {} }: Attack): string {
  const { over = "tcp", codec = "msgpack" } = setup;
  return victim + OVER[over] + CODED[codec];
}

/** Returns a row of the table. */
export function row(attack: Attack, found: Measurement): string[] {
  const { sent, connections, held, rss, lost, slowdown } = found;
  const times = connections === 1 ? "" : ` (${connections} connections)`;
  return [
    ...fixedCells(attack),
    `${size(sent)}${times}`,
    size(held),
    size(rss),
    budgetCell(attack),
    `${lost}`,
    `${slowdown < 10 ? slowdown.toFixed(1) : slowdown.toFixed(0)}×`,
  ];
}

/** Returns the cell of an attack's budget. */
export function budgetCell({ budget }: Attack): string {
  return size(budget);
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 2 ** 20) return `${(bytes / 1024).toFixed(0)} KiB`;
  const mebibytes = bytes / 2 ** 20;
  return `${mebibytes.toFixed(Number.isInteger(mebibytes) ? 0 : 1)} MiB`;
}

/** Returns measured cells with the attack's current description and budget. */
function renewed(attack: Attack, cells: readonly string[]): string[] {
  const fixed = fixedCells(attack);
  return [...fixed, ...cells.slice(fixed.length)].with(8, budgetCell(attack));
}

/** Returns a row as Markdown. */
export function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** Returns the head of the table as Markdown. */
export function head(): string {
  return `${line(HEAD)}\n${line(HEAD.map(() => "---"))}`;
}

/**
 * Writes rows into the table under the heading "Attacks" of the README. Attacks
 * without a new row keep the measurements that they have.
 */
export async function writeTable(
  attacks: readonly Attack[],
  rows: ReadonlyMap<string, readonly string[]>,
): Promise<void> {
  const readme = await Deno.readTextFile(README);
  const heading = readme.indexOf("\n## Attacks\n");
  const before = readme.slice(0, heading);
  const after = readme.slice(heading);
  const old = new Map(
    after.split("\n").filter((text) => text.startsWith("| ")).map((text) => {
      const cells = text.split("|").slice(1, -1).map((cell) => cell.trim());
      return [cells[0]!, cells];
    }),
  );
  const lines = attacks.flatMap((attack) => {
    const cells = rows.get(attack.name) ?? old.get(attack.name);
    return cells === undefined ? [] : [line(renewed(attack, cells))];
  });
  const table = [head(), ...lines].join("\n");
  const written = after.replace(/\n\|[^]*?\|\n(?!\|)/, () => `\n${table}\n`);
  await Deno.writeTextFile(README, before + written);
  await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", README.pathname],
  }).output();
}
