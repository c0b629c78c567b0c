/**
 * `deno task bench:peers`: compares Lengthwise with other systems.
 *
 * @module
 */
import { chart } from "./chart.ts";
import { comparePeers } from "./compare_peers.ts";
import { install } from "./install.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import type { Results } from "./results.ts";
import { replaceBetween, tables } from "./table.ts";

const FOLDER = "tests/bench/peers";

async function main(): Promise<void> {
  const options = readOptions(Deno.args);
  if (options.help) {
    console.log(HELP);
    return;
  }
  const results: Results = options.from === undefined
    ? await measured(options)
    : JSON.parse(await Deno.readTextFile(options.from));
  console.log(`\n${tables(results)}`);
  if (options.json !== undefined) await writeJson(options.json, results);
  if (options.write) await write(results);
  const failed = results.peers.filter(({ failure }) => failure !== undefined);
  if (failed.length > 0) Deno.exitCode = 1;
}

async function measured(options: Options): Promise<Results> {
  const { peers, rounds, seconds } = options;
  console.log(`Installing what ${peers.length} peers need`);
  const installation = await install(peers);
  const results = await comparePeers({
    peers,
    rounds,
    seconds,
    progress: (line) => console.log(line),
  }, installation);
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: await machine(),
    versions: installation.versions,
    rounds,
    seconds,
    peers: results,
  };
}

async function machine(): Promise<string> {
  const text = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  const model = /^model name\s*: (.*)$/m.exec(text)?.[1] ?? Deno.build.arch;
  return `${navigator.hardwareConcurrency} CPUs (${model.trim()})`;
}

async function writeJson(path: string, results: Results): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(results, null, 2) + "\n");
}

/** Writes the results, the chart, and the marked parts of two documents. */
async function write(results: Results): Promise<void> {
  const json = `${FOLDER}/results.json`;
  const svg = `${FOLDER}/chart.svg`;
  await writeJson(json, results);
  await Deno.writeTextFile(svg, chart(results));
  const alt = "Speed of Lengthwise and other systems";
  const documents = {
    "README.md": `![${alt}](${svg})`,
    "tests/bench/README.md": `![${alt}](peers/chart.svg)\n\n${tables(results)}`,
  };
  for (const [path, content] of Object.entries(documents)) {
    const text = await Deno.readTextFile(path);
    await Deno.writeTextFile(path, replaceBetween(text, "peers", content));
  }
  const paths = [json, svg, ...Object.keys(documents)];
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "-q", ...paths] })
    .spawn().status;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(error.message);
  Deno.exitCode = 2;
}
