/**
 * Rows of what a program waits for before its first call: imports, and the
 * compiler.
 *
 * @module
 */
import { Program } from "../processes.ts";
import { interleave, type Row } from "../row.ts";
import { median, ratios, short } from "../statistics.ts";

/** Times an import in a fresh process, and the whole process up to its end. */
async function timeImport(
  what: string,
): Promise<{ inside: number; whole: number }> {
  const start = performance.now();
  await using program = Program.start("first_call.ts", [what], [
    "--frozen",
    "--allow-net=127.0.0.1",
  ]);
  const inside: number = await program.next();
  return { inside, whole: performance.now() - start };
}

const METHODS = 500;

/** Writes a module with schemas, and one that declares methods with them. */
async function writeModules(folder: string): Promise<void> {
  const root = new URL("../../../mod.ts", import.meta.url).href;
  const schemas = ['import { z } from "npm:zod@^4.6.0";'];
  const methods: string[] = [];
  for (let at = 0; at < METHODS; at++) {
    schemas.push(
      `export const In${at} = z.object({ id${at}: z.string(), count: z.number(), tags: z.array(z.string()) });`,
      `export const Out${at} = z.object({ value${at}: z.number(), at: z.date().optional() });`,
    );
    methods.push(
      `  method${at}: unary({ input: s.In${at}, output: s.Out${at} }),`,
    );
  }
  // Both use the types that the schemas infer, as handlers and calls do.
  const used = Array.from(
    { length: METHODS },
    (_, at) =>
      `export type T${at} = [z.input<typeof In${at}>, z.output<typeof In${at}>, z.input<typeof Out${at}>, z.output<typeof Out${at}>];`,
  );
  await Deno.writeTextFile(
    `${folder}/schemas.ts`,
    [...schemas, ...used].join("\n"),
  );
  const calls = Array.from(
    { length: METHODS },
    (_, at) =>
      `  const { value${at} } = await session.remote.method${at}({ id${at}: "a", count: 1, tags: [] });\n  n += value${at};`,
  );
  const handlers = Array.from(
    { length: METHODS },
    (_, at) => `  method${at}: (input) => ({ value${at}: input.count }),`,
  );
  await Deno.writeTextFile(
    `${folder}/methods.ts`,
    [
      `import { connect, protocol, serve, unary } from "${root}";`,
      'import * as s from "./schemas.ts";',
      'export const Large = protocol({ name: "large", server: {',
      ...methods,
      "} });",
      "export const server = await serve(Large, { port: 0 }).handle({",
      ...handlers,
      "});",
      "export async function calls() {",
      "  const session = await connect(Large, server.addr);",
      "  let n = 0;",
      ...calls,
      "  return n;",
      "}",
    ].join("\n"),
  );
}

/** Returns the seconds that the compiler needs for a module. */
async function check(path: string): Promise<number> {
  const config = new URL("../../../deno.json", import.meta.url).pathname;
  // A module that has changed is checked again.
  const text = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, `${text}\n// ${crypto.randomUUID()}`);
  const start = performance.now();
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["check", "--quiet", "--frozen", "--config", config, path],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`deno check ${path} exited with ${code}`);
  return (performance.now() - start) / 1000;
}

/** The rows. */
export const ROWS: readonly Row[] = [
  {
    name: "import",
    title:
      "from the import of the library to a session that is ready for calls",
    against: "the import of msgpackr",
    target: { most: 1.5 },
    group: "rows",
    async measure({ rounds = 11 }) {
      const whole: Record<string, number[]> = { lengthwise: [], msgpackr: [] };
      const subject = (name: string) => async () => {
        const times = await timeImport(name);
        whole[name]!.push(times.whole);
        return times.inside;
      };
      const found = await interleave(
        subject("lengthwise"),
        subject("msgpackr"),
        rounds,
      );
      const processes = median(
        ratios(whole["lengthwise"]!.slice(1), whole["msgpackr"]!.slice(1)),
      );
      return {
        ...found,
        unit: "ms",
        note: `whole processes ${short(processes)} × (${
          short(median(whole["lengthwise"]!))
        } against ${short(median(whole["msgpackr"]!))} ms)`,
      };
    },
  },
  {
    name: "types_500",
    title:
      `type check of ${METHODS} methods with schemas, their handlers and calls`,
    against: "the schemas alone",
    target: { most: 3 },
    group: "rows",
    async measure({ rounds = 2 }) {
      const folder = await Deno.makeTempDir();
      try {
        await writeModules(folder);
        const found = await interleave(
          () => check(`${folder}/methods.ts`),
          () => check(`${folder}/schemas.ts`),
          rounds,
        );
        const beyond = found.values.map((value, at) =>
          value - found.others[at]!
        );
        return {
          values: beyond,
          others: found.others,
          unit: "s",
          absolute: true,
          note: "the value is the time beyond that of the schemas",
        };
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  },
];
