/**
 * `deno task bench [name…]`: runs the named benchmarks, rows or groups, or all of
 * them. Each row runs in a process of its own, so that none depends on what the
 * others have compiled or left in the heap.
 *
 * @module
 */
import { parseOptions } from "./options.ts";
import {
  markdown,
  MARKDOWN_HEAD,
  type Row,
  show,
  type Shown,
  text,
} from "./row.ts";
import { ROWS as BESIDE } from "./rows/beside.ts";
import { ROWS as FRAMING } from "./rows/framing.ts";
import { ROWS as LINES } from "./rows/lines.ts";
import { ROWS as LINK, serveLink } from "./rows/link.ts";
import { ROWS as SESSIONS } from "./rows/sessions.ts";
import { ROWS as START } from "./rows/start.ts";
import { ROWS as STREAMS } from "./rows/streams.ts";
import { ROWS as UNARY } from "./rows/unary.ts";

/** The table of targets, in its order. */
const ROWS: readonly Row[] = [
  ...UNARY,
  ...STREAMS,
  ...BESIDE,
  ...SESSIONS,
  ...START,
  ...FRAMING,
  ...LINES,
  ...LINK,
];

/** Benchmarks with tables of their own. */
const TABLES: Record<string, () => Promise<{ run(): Promise<void> }>> = {
  framing_decode: () => import("./framing_decode.ts"),
  framing_encode: () => import("./framing_encode.ts"),
  framing_socket: () => import("./framing_socket.ts"),
  ceilings: () => import("./ceilings.ts"),
  transport: () => import("./transport_bench.ts"),
  codec: () => import("./codec_bench.ts"),
  observers: () => import("./observers.ts"),
  connections: () => import("./connections.ts"),
};

/** Variable that makes this process measure one row and print it as JSON. */
const CHILD = "BENCH_ROW";

/** Measures a row in a process of its own. */
async function measured(row: Row): Promise<Shown> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--frozen",
      "--allow-all",
      import.meta.filename!,
      ...Deno.args,
    ],
    env: { [CHILD]: row.name },
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`The row ${row.name} exited with ${code}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

function fail(message: string): never {
  console.error(message);
  Deno.exit(1);
}

async function main(): Promise<void> {
  const options = parseOptions(Deno.args);
  const { serve } = options;
  if (serve !== undefined) return await serveLink(serve);
  const child = ROWS.find(({ name }) => name === Deno.env.get(CHILD));
  if (child !== undefined) {
    console.log(JSON.stringify(show(child, await child.measure(options))));
    Deno.exit(0); // the programs have ended; nothing else is of use
  }
  if (options.list) {
    for (const name of Object.keys(TABLES)) console.log(`${name}  (a table)`);
    for (const { name, title, against } of ROWS) {
      console.log(`${name}  ${title}, against ${against}`);
    }
    return;
  }
  const names = options.names.length > 0
    ? options.names
    : [...Object.keys(TABLES), "rows", "link"];
  for (const name of names) {
    const known = Object.hasOwn(TABLES, name) ||
      ROWS.some((row) => row.name === name || row.group === name);
    if (!known) {
      fail(`Unknown benchmark "${name}"; deno task bench --list prints them`);
    }
  }
  const machine =
    `Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} CPUs`;
  console.log(machine);
  if (options.markdown) console.log(`\n${MARKDOWN_HEAD}`);
  const results: Shown[] = [];
  const failures: string[] = [];
  for (const name of names) {
    if (Object.hasOwn(TABLES, name)) await (await TABLES[name]!()).run();
    for (const row of ROWS) {
      if (row.name !== name && row.group !== name) continue;
      try {
        const shown = await measured(row);
        results.push(shown);
        console.log(options.markdown ? markdown(shown) : `\n${text(shown)}`);
      } catch (error) {
        failures.push(`${error}`);
        console.error(`FAILED: ${error}`);
      }
    }
  }
  if (options.json !== undefined) {
    await Deno.writeTextFile(
      options.json,
      JSON.stringify({ machine, rows: results }, undefined, 2) + "\n",
    );
  }
  if (failures.length > 0) fail(`\n${failures.length} rows failed`);
}

if (import.meta.main) await main();
