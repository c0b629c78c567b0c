/**
 * Installs the peers into `.cache/peers/`, which Git ignores.
 *
 * @module
 */
import type { Peer } from "./peers.ts";

const SOURCE = new URL("programs/", import.meta.url).pathname;
const ROOT = new URL("../../../", import.meta.url).pathname;
const TARGET = `${ROOT}.cache/peers/`;

/** The newest version with long-term support, whatever is installed. */
const NODE = "node@26.10.0";

/** Installed peers: a command for each, and the versions of the runtimes. */
export interface Installation {
  /** Versions of the runtimes. */
  readonly versions: string;
  /** Returns the command of a peer, without the role. */
  commandOf(peer: Peer): readonly [string, ...string[]];
  /** Reasons why peers cannot run, by name. */
  readonly failures: ReadonlyMap<string, string>;
}

/** Installs the given peers. A peer that cannot be installed is a failure. */
export async function install(peers: readonly Peer[]): Promise<Installation> {
  const failures = new Map<string, string>();
  const versions = [`Deno ${Deno.version.deno}`];
  await Deno.mkdir(`${TARGET}npm`, { recursive: true });
  let node = "";
  const onNode = peers.filter(({ runtime }) => runtime === "Node.js");
  if (onNode.length > 0) {
    try {
      const show = ["-p", "`${process.execPath} ${process.version}`"];
      const found = await output("npx", ["-y", NODE, ...show]);
      const [path = "", version = ""] = found.trim().split(" ");
      node = path;
      versions.push(`Node.js ${version.slice(1)}`);
      await installFromNpm();
    } catch (error) {
      for (const { name } of onNode) failures.set(name, String(error));
    }
  }
  for (const { name, packages } of peers) {
    if (packages === undefined || failures.has(name)) continue;
    try {
      await output(`${ROOT}tests/interop/install`, [...packages]);
      if (name === "netrpc") versions.push(await buildGo());
    } catch (error) {
      failures.set(name, String(error));
    }
  }
  return {
    versions: versions.join(", "),
    failures,
    commandOf({ runtime, program }) {
      return runtime === "Deno"
        ? [
          Deno.execPath(),
          ...["run", "--frozen", "--no-prompt", "--allow-net=127.0.0.1"],
          `${SOURCE}${program}`,
        ]
        : runtime === "Go"
        ? [`${TARGET}netrpc`]
        : [node, `${TARGET}npm/${program}`];
    },
  };
}

/** Copies the programs beside their packages, and installs these if they changed. */
async function installFromNpm(): Promise<void> {
  const lock = "package-lock.json";
  const wanted = await Deno.readTextFile(`${SOURCE}npm/${lock}`);
  const installed = `${TARGET}npm/node_modules/installed-lock.json`;
  for (const name of ["load.mjs", "workload.mjs"]) {
    await Deno.copyFile(`${SOURCE}${name}`, `${TARGET}${name}`);
  }
  for await (const { name } of Deno.readDir(`${SOURCE}npm`)) {
    await Deno.copyFile(`${SOURCE}npm/${name}`, `${TARGET}npm/${name}`);
  }
  if (await readIfThere(installed) === wanted) return;
  // No package may run a script: `bufferutil` and `msgpackr` bring built addons.
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund"];
  await output("npm", ["ci", ...flags], `${TARGET}npm`);
  await Deno.writeTextFile(installed, wanted);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Builds the Go program and returns the version of Go. */
async function buildGo(): Promise<string> {
  await output("go", ["build", "-o", `${TARGET}netrpc`, "."], `${SOURCE}go`);
  const text = await output("go", ["version"]);
  return `Go ${/go(\d[\d.]*)/.exec(text)?.[1]}`;
}

async function output(
  command: string,
  args: string[],
  cwd: string = ROOT,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    stdin: "null",
    env: { GOPROXY: "off", GOTOOLCHAIN: "local" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (success) return text(stdout);
  const last = text(stderr).trim().split("\n").at(-1);
  throw new Error(`${command} ${args[0]} failed: ${last}`);
}
