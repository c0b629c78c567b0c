/**
 * Finds programs of Debian packages, starts them as a permitted user, and stops
 * them by their process ids.
 *
 * @module
 */

/** Milliseconds that a server may take to start, and to stop. */
const PATIENCE = 20_000;
/** Attempts to start: another process may take the free port first. */
const ATTEMPTS = 3;

/** Characters of a server's output that are kept. */
const KEPT_OUTPUT = 64 * 1024;

/** Folders of programs, including those outside a user's path. */
const FOLDERS = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/**
 * Returns the path of a program in `folders` or the usual folders.
 *
 * @throws {Error} if the program is missing; the message names its package
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
    `Cannot test with a real server: ${name} is missing; install it with "apt-get install ${debianPackage}"`,
  );
}

/** Runs a program to its end and returns its output. */
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
  throw new Error(`${program} exited with status ${code}: ${stdout}${stderr}`);
}

/** Creates a folder owned by `user`, which is removed when disposed. */
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

/** Returns a command that runs a program as a user, without forking. */
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

/** Options of {@linkcode startServer}. */
export interface ServerOptions {
  /** User to run it as, if not the current one. */
  user: string | undefined;
  /** Returns the command line that serves on a port of 127.0.0.1. */
  command: (port: number) => readonly string[];
  /** Text on stderr that shows that it is ready. */
  ready: RegExp;
  /** Signal for a fast, orderly shutdown. */
  stopSignal: Deno.Signal;
}

/** A running server. */
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
  // Makes the kernel stop the server if this process is killed.
  const orphaned = `--pdeathsig=${stopSignal.replace("SIG", "")}`;
  const [program = "", ...args] = asUser(user, command(port), [orphaned]);
  const child = new Deno.Command(program, {
    args,
    cwd: "/", // the user of the server may not enter this folder
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
  throw new Error(`${args.join(" ")} did not become ready: ${log.text()}`);
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has already exited
  }
}

/** Reads all output of a server, so that it never blocks on a full pipe. */
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
