/**
 * The package as its users get it: publishes the stand-ins for `@std` and the
 * package itself to a registry of its own, then adds the package to a fresh
 * project, and checks, runs, bundles and documents it there. A project of Node.js
 * uses it as an npm package (`use_in_node.ts`). Nothing outside
 * temporary folders is written; each step prints one line.
 *
 * A dry run of `deno publish` sees neither what is in the tarball nor what
 * publishing rewrites; this does.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { type Registry, startRegistry } from "./registry.ts";
import { useInNode } from "./use_in_node.ts";

/**
 * npm packages are resolved as of this day, so that the run is the same next
 * year. (Some mirrors also lack builds of the newest `msgpackr-extract`.)
 */
const RESOLVED_AS_OF = "2026-11-01";

const { name, version } = JSON.parse(Deno.readTextFileSync("deno.json"));
const STAND_INS = ["assert", "async", "bytes"].map((std) =>
  `tests/jsr/std/${std}`
);

const WITHOUT_PERMISSION = [
  "framing",
  "messages",
  "transport",
  "calls_in_memory",
];

/** The output of each program in tests/programs/ if it succeeds. */
const OK = /^ok\b/m;

/** Files needed to publish from the root: published or linked, and the lock. */
const CHECKOUT = [
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "deno.json",
  "deno.lock",
  "mod.ts",
  "tests/deno.json",
  ...["lib", ...STAND_INS].flatMap(filesUnder),
];

/** Folders and environment of one run. */
interface Run {
  registry: Registry;
  checkout: string;
  consumer: string;
  env: Record<string, string>;
}

const root = Deno.makeTempDirSync({ prefix: "lengthwise_jsr_" });
try {
  await using registry = startRegistry();
  const run: Run = {
    registry,
    checkout: `${root}/checkout`,
    consumer: `${root}/consumer`,
    env: {
      JSR_URL: registry.url,
      DENO_DIR: `${root}/deno_dir`,
      NO_COLOR: "1",
    },
  };
  copy(CHECKOUT, ".", run.checkout);
  await publish(run);
  await use(run);
  await useInNode({
    registry,
    name,
    version,
    standIns: ["async", "bytes"],
    folder: `${root}/node`,
    deno: (args, cwd) => deno(args, cwd, run.env),
    step,
  });
  console.log(`${name}@${version}: published and used`);
} finally {
  Deno.removeSync(root, { recursive: true });
}

async function publish({ registry, checkout, env }: Run): Promise<void> {
  const flags = "--token=none --no-provenance --allow-dirty --frozen";
  for (const folder of STAND_INS) {
    await step(
      `publish ${folder}`,
      () => deno(`publish ${flags}`, `${checkout}/${folder}`, env),
    );
  }
  const published = `Successfully published ${name}@${version}`;
  await step(`publish ${name} as the workflow does`, async () => {
    const { code, output } = await publishStep(flags, checkout, env);
    assertMatch(output, new RegExp(`^${published}$`, "m"));
    assertEquals(code, 0);
  });
  await step("the workflow fails if the version is published", async () => {
    const { code, output } = await publishStep(flags, checkout, env);
    assertMatch(output, /already published/);
    assertEquals(code, 1);
  });
  await step("the tarball holds the package and nothing else", () => {
    const expected = CHECKOUT.filter((path) =>
      !path.startsWith("tests/") && path !== "deno.lock"
    );
    assertEquals(registry.filesOf(name, version), expected.sort());
  });
}

/** Runs the last step of the workflow for this version. */
async function publishStep(
  flags: string,
  cwd: string,
  env: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const workflow = Deno.readTextFileSync(".github/workflows/publish.yml");
  const lines = /- run: \|\n((?: {10}.+\n)+) {8}shell: bash\n/.exec(workflow);
  const script = lines![1]!.replace( // the workflow has one such step
    /npx -y deno@[\d.]+ publish --frozen/,
    () => `"${Deno.execPath()}" publish ${flags}`,
  );
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["--noprofile", "--norc", "-eo", "pipefail", "-c", script],
    cwd,
    env: { ...env, RUNNER_TEMP: root, GITHUB_REF_NAME: `v${version}` },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, output: text.decode(stdout) + text.decode(stderr) };
}

async function use({ consumer, env }: Run): Promise<void> {
  copy(filesUnder("tests/programs"), "tests/programs", consumer);
  Deno.writeTextFileSync(
    `${consumer}/deno.json`,
    JSON.stringify({
      minimumDependencyAge: RESOLVED_AS_OF,
      compilerOptions: { noUncheckedIndexedAccess: true },
    }),
  );
  const run = (args: string) => deno(args, consumer, env);

  await step("add to a fresh project", () => run(`add jsr:${name}`));
  await step("type-check, with what must not compile", () => run("check ."));
  for (const program of WITHOUT_PERMISSION) {
    await step(`run ${program}.ts with no permission`, async () => {
      assertMatch(await run(`run --frozen --no-prompt ${program}.ts`), OK);
    });
  }
  await step("run calls_over_tcp.ts with --allow-net=127.0.0.1", async () => {
    const flags = "--frozen --no-prompt --allow-net=127.0.0.1";
    assertMatch(await run(`run ${flags} calls_over_tcp.ts`), OK);
  });
  await step("run the command line with no permission", async () => {
    const cli = `run --no-prompt jsr:${name}/cli`;
    assertMatch(await run(`${cli} --version`), /^lengthwise\/\d/);
    assertMatch(await run(`${cli} call --help`), /Usage: lengthwise call/);
  });
  await step("bundle, and run the bundle", async () => {
    await run("bundle --frozen --quiet -o bundle.js calls_in_memory.ts");
    assertMatch(await run("run --no-config bundle.js"), OK);
  });
  await step("run again from the cache alone", async () => {
    assertMatch(await run("run --frozen --cached-only framing.ts"), OK);
  });
  await step("show the documentation", async () => {
    const documentation = await run(`doc jsr:${name}`);
    for (const symbol of ["connect", "protocol", "serve"]) {
      assertMatch(
        documentation,
        new RegExp(`^(async )?function ${symbol}\\b`, "m"),
      );
    }
  });
}

/** Runs `deno` with the arguments and returns its output. */
async function deno(
  args: string,
  cwd: string,
  env: Record<string, string>,
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: args.split(" "),
    cwd,
    env: { ...env, NO_COLOR: "1" }, // what is printed is read
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  if (code !== 0) {
    const output = text.decode(stdout) + text.decode(stderr);
    throw new Error(`\`deno ${args}\` exited with ${code}:\n${output}`);
  }
  return text.decode(stdout);
}

async function step(
  title: string,
  body: () => Promise<unknown> | void,
): Promise<void> {
  const start = performance.now();
  try {
    await body();
  } catch (error) {
    console.log(`FAILED  ${title}`);
    throw error;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`ok  ${title} (${seconds} s)`);
}

function filesUnder(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesUnder(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

/** Copies files, with the folders they need, from one folder to another. */
function copy(paths: string[], from: string, to: string): void {
  for (const path of paths) {
    const target = `${to}/${from === "." ? path : path.slice(from.length + 1)}`;
    Deno.mkdirSync(target.slice(0, target.lastIndexOf("/")), {
      recursive: true,
    });
    Deno.copyFileSync(path, target);
  }
}
