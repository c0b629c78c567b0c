/**
 * Programs of Debian packages: found, started as a user who may run them, and
 * stopped by the process id that they were started with.
 *
 * @module
 */

/** Milliseconds that a server may take to get ready, and to stop. */
const PATIENCE = 20_000;
/** Ports are free when they are drawn; somebody else may be faster. */
const ATTEMPTS = 3;

/** Most of what a server printed that is kept, in characters. */
const KEPT_OUTPUT = 64 * 1024;

/** Where Debian has programs that are not for every user's path. */
const FOLDERS = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/**
 * The path of a program, in `folders` or where programs are.
 *
 * @throws {Error} that says which package has it
 */
export function findProgram(
  name: string,
  debianPackage: string,
  folders: readonly string[] = [],
): string {
  for (const folder of [...folders, ...FOLDERS]) {
    try {
      if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error(
    `Cannot try a real server: there is no ${name}: install it with "apt-get install ${debianPackage}"`,
  );
}

/** Runs a program to its end and gives what it printed. */
export async function output(
  program: string,
  args: readonly string[],
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    signal: AbortSignal.timeout(PATIENCE),
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  return { code, stdout: out ?? "", stderr: err ?? "" };
}

/** Runs a program that must succeed. */
export async function succeed(
  program: string,
  args: readonly string[],
): Promise<string> {
  const { code, stdout, stderr } = await output(program, args);
  if (code === 0) return stdout;
  throw new Error(`${program} ended with status ${code}: ${stdout}${stderr}`);
}

/** A folder for one server, owned by `user`; gone when disposed. */
export async function temporaryFolder(
  user: string | undefined,
): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "lengthwise-" });
  if (user !== undefined) await succeed("chown", [user, path]);
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/** The command line that runs a program as another user, in the same process. */
export function asUser(
  user: string | undefined,
  command: readonly string[],
  options: readonly string[] = [],
): readonly string[] {
  const identity = user === undefined
    ? []
    : [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  const setpriv = findProgram("setpriv", "util-linux");
  return [setpriv, ...identity, ...options, ...command];
}

/** How to start a server. */
export interface ServerOptions {
  /** Who runs it, if it is not who runs this. */
  user: string | undefined;
  /** The command line that serves on a port of 127.0.0.1. */
  command: (port: number) => readonly string[];
  /** What it prints on stderr when it is ready. */
  ready: RegExp;
  /** What makes it stop at once and in order. */
  stopSignal: Deno.Signal;
}

/** A server that listens. */
export interface RunningServer extends AsyncDisposable {
  port: number;
}

/** Starts a server on a free port, and waits until it is ready. */
export async function startServer(
  options: ServerOptions,
): Promise<RunningServer> {
  let problem: unknown;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      return await startOn(freePort(), options);
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
}

function freePort(): number {
  using server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return server.addr.port;
}

async function startOn(
  port: number,
  { user, command, ready, stopSignal }: ServerOptions,
): Promise<RunningServer> {
  // If this process is killed, the server gets the signal all the same.
  const orphaned = `--pdeathsig=${stopSignal.replace("SIG", "")}`;
  const [program = "", ...args] = asUser(user, command(port), [orphaned]);
  const child = new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const log = follow(child.stderr, ready);
  const stop = async () => {
    signal(child, stopSignal);
    const timer = setTimeout(() => signal(child, "SIGKILL"), PATIENCE);
    await Promise.all([child.status, log.ended]);
    clearTimeout(timer);
  };
  const timer = setTimeout(() => signal(child, "SIGKILL"), PATIENCE);
  const isReady = await log.ready;
  clearTimeout(timer);
  if (isReady) return { port, [Symbol.asyncDispose]: stop };
  await stop();
  throw new Error(`${args.join(" ")} did not get ready: ${log.text()}`);
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended already
  }
}

/** Reads what a server prints until its end, so that it never waits to print. */
function follow(stderr: ReadableStream<Uint8Array<ArrayBuffer>>, line: RegExp) {
  let text = "";
  const { promise: ready, resolve } = Promise.withResolvers<boolean>();
  const read = async () => {
    for await (const part of stderr.pipeThrough(new TextDecoderStream())) {
      text = (text + part).slice(-KEPT_OUTPUT);
      if (line.test(text)) resolve(true);
    }
    resolve(false);
  };
  return { ready, ended: read(), text: () => text };
}
