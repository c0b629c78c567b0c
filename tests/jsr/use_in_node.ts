/**
 * The published package in Node.js, as an npm package: `deno pack` makes it of
 * the files that the registry has, TypeScript checks it with a program that uses
 * it (`skipLibCheck: false`), and Node.js runs that program.
 *
 * JSR makes npm packages of the same files, and serves them from
 * `npm.jsr.io`, which this does not reach: the stand-ins for `@std` are installed
 * under the names that they have there.
 *
 * @module
 */
import { assertMatch } from "@std/assert";
import type { Registry } from "./registry.ts";

/** Versions of what is installed from npm. */
const TYPESCRIPT = "typescript@5.9.3";
const NODE_TYPES = "@types/node@22.19.1";
const NODE = "node@22";

/** Checks the types as strictly as a project may. */
const TSCONFIG = {
  compilerOptions: {
    strict: true,
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    module: "nodenext",
    target: "es2024",
    lib: ["es2024", "esnext", "dom", "dom.iterable", "dom.asynciterable"],
    types: ["node"],
    outDir: "out",
  },
  include: ["main.ts"],
};

/** Folders and commands of a run. */
export interface NodeRun {
  /** The registry that has the package. */
  readonly registry: Registry;
  /** Name and version of the package. */
  readonly name: string;
  readonly version: string;
  /** Names of the stand-ins for `@std` on which it depends. */
  readonly standIns: readonly string[];
  /** An empty folder for the project. */
  readonly folder: string;
  /** Runs `deno` with arguments in a folder. */
  readonly deno: (args: string, cwd: string) => Promise<string>;
  /** Prints the outcome and the time of a step. */
  readonly step: (title: string, body: () => Promise<unknown>) => Promise<void>;
}

/** Packs the published package, and checks and runs it in Node.js. */
export async function useInNode(run: NodeRun): Promise<void> {
  const { folder, step } = run;
  const npm = (args: string, cwd = folder) => command("npm", args, cwd);
  await step("pack the published files for npm", () => pack(run));
  await step("install in a fresh Node.js project", async () => {
    const standIns = run.standIns.map((name) => standIn(folder, name));
    await writeJson(`${folder}/package.json`, {
      name: "consumer",
      private: true,
      type: "module",
    });
    const flags = "--no-audit --no-fund --ignore-scripts --loglevel=error";
    const packages = [...standIns, "./package.tgz", TYPESCRIPT, NODE_TYPES];
    await npm(`install ${flags} ${packages.join(" ")}`);
  });
  await step(
    "type-check every entry with tsc, skipLibCheck: false",
    async () => {
      await Deno.writeTextFile(`${folder}/main.ts`, await programOf(run));
      await writeJson(`${folder}/tsconfig.json`, TSCONFIG);
      await npm("exec -- tsc -p .");
    },
  );
  await step("run it in Node.js 22", async () => {
    const output = await command("npx", `-y ${NODE} out/main.js`, folder);
    assertMatch(output, /^ok 300$/m);
  });
}

/** Makes an npm package of the files that the registry has. */
async function pack({ registry, name, version, folder, deno }: NodeRun) {
  const source = `${folder}/published`;
  for (const path of registry.filesOf(name, version)) {
    const response = await fetch(`${registry.url}${name}/${version}/${path}`);
    await writeFile(`${source}/${path}`, await response.bytes());
  }
  const config = JSON.parse(await Deno.readTextFile(`${source}/deno.json`));
  // Not `imports`: publishing has replaced the names in the code, and `deno pack`
  // would leave them as they are if it found them here.
  await writeJson(`${source}/deno.json`, {
    name,
    version,
    license: config.license,
    exports: config.exports,
  });
  await deno("pack --allow-dirty --quiet -o ../package.tgz", source);
}

/** Creates the npm package of a stand-in, and returns its folder. */
function standIn(folder: string, name: string): string {
  const source = `tests/jsr/std/${name}`;
  const { version, exports } = JSON.parse(
    Deno.readTextFileSync(`${source}/deno.json`),
  );
  const target = `${folder}/std_${name}`;
  Deno.mkdirSync(target);
  const dependencies: Record<string, string> = {};
  for (const { name } of Deno.readDirSync(source)) {
    const text = Deno.readTextFileSync(`${source}/${name}`).replace(
      /"npm:([\w-]+)@([\d.]+)\//g,
      (_, dependency: string, version: string) => {
        dependencies[dependency] = version;
        return `"${dependency}/`;
      },
    );
    Deno.writeTextFileSync(`${target}/${name}`, text);
  }
  Deno.writeTextFileSync(
    `${target}/package.json`,
    JSON.stringify({
      name: `@jsr/std__${name}`,
      version,
      type: "module",
      exports: Object.fromEntries(
        Object.entries<string>(exports).map(([entry, path]) => [entry, {
          types: path.replace(/\.js$/, ".d.ts"),
          default: path,
        }]),
      ),
      dependencies,
    }),
  );
  return `./std_${name}`;
}

/** A program that imports every entry, and makes a call in memory. */
async function programOf({ name, folder }: NodeRun): Promise<string> {
  const config = JSON.parse(
    await Deno.readTextFile(`${folder}/published/deno.json`),
  );
  const others = Object.keys(config.exports)
    .filter((entry) => entry !== "./types" && entry !== "./cli");
  return [
    ...others.map((entry, n) =>
      `import * as entry${n} from "${name}${entry.slice(1)}";`
    ),
    `import type { AnyProtocol } from "${name}/types";`,
    `import { protocol, unary } from "${name}";`,
    `import { testPair } from "${name}/testing";`,
    `const Shop = protocol({`,
    `  name: "shop",`,
    `  server: { price: unary<{ sku: string }, { cents: number }>() },`,
    `});`,
    `const any: AnyProtocol = Shop;`,
    `const pair = await testPair(Shop).handle({`,
    `  price: ({ sku }) => ({ cents: sku.length * 100 }),`,
    `});`,
    `const { cents } = await pair.session.remote.price({ sku: "A-1" });`,
    `const sum: number = cents;`,
    `// @ts-expect-error: a number is not an input`,
    `pair.session.remote.price(1).catch(() => {});`,
    `await pair[Symbol.asyncDispose]();`,
    `const entries = [${others.map((_, n) => `entry${n}`).join(", ")}];`,
    `if (entries.some((entry) => Object.keys(entry).length === 0)) {`,
    `  throw new Error(\`an entry of \${any.name} is empty\`);`,
    `}`,
    `console.log("ok", sum);`,
    ``,
  ].join("\n");
}

/** Runs a command and returns its output. */
async function command(
  program: string,
  args: string,
  cwd: string,
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: args.split(" "),
    cwd,
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  const output = text.decode(stdout);
  if (code === 0) return output;
  throw new Error(
    `\`${program} ${args}\` exited with ${code}:\n${output}${
      text.decode(stderr)
    }`,
  );
}

async function writeFile(path: string, bytes: Uint8Array): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(path, bytes);
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, JSON.stringify(value));
}
