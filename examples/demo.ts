#!/usr/bin/env -S deno run --allow-run=deno
/**
 * The demo: a server process and a client process on a free loopback port, with
 * a log of what happens at each layer.
 *
 * ```sh
 * deno task demo                 # both processes; exits on its own
 * deno task demo --port 7000     # only the server, until interrupted
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";

const HELP = `Shows a server and a client that communicate through Lengthwise.

Usage: deno task demo [--port <port>] [--hostname <address>]

Without options, starts a server process and a client process on a free
loopback port; both log their actions and exit.

  --port <port>          serve on this port until interrupted (Ctrl+C), so that a
                         client can connect from a second terminal
  --hostname <address>   listen on this address [default: 127.0.0.1]
  --help                 show this help

`;

/** Milliseconds until a hanging demo is stopped; most runs take about 1,000. */
const TIME_LIMIT = 30_000;

const SERVER = new URL("./demo/server.ts", import.meta.url).href;
const CLIENT = new URL("./demo/client.ts", import.meta.url).href;

const COLORS = { server: "\x1b[36m", client: "\x1b[33m", title: "\x1b[1m" };
const PLAIN = Deno.env.get("NO_COLOR") !== undefined ||
  !Deno.stdout.isTerminal();

const { values, problem } = readArguments();

function readArguments() {
  const options = {
    port: { type: "string" },
    hostname: { type: "string" },
    help: { type: "boolean", short: "h" },
  } as const; // parseArgs infers the types of the values from this
  try {
    const { values } = parseArgs({ args: Deno.args, options });
    return { values, problem: portProblem(values.port) };
  } catch (error) {
    return {
      values: {},
      problem: error instanceof Error ? error.message : `${error}`,
    };
  }
}

function portProblem(port: string | undefined): string | undefined {
  if (port === undefined || (/^\d{1,5}$/.test(port) && Number(port) <= 65535)) {
    return undefined;
  }
  return `Cannot use "${port}" as --port: expected a number from 0 to 65535`;
}

/** Runs the server in this terminal. The server prints how to call it. */
async function serveUntilInterrupted(): Promise<number> {
  const server = deno(SERVER, [
    "--hostname",
    values.hostname ?? "127.0.0.1",
    "--port",
    values.port ?? "0",
  ], "inherit");
  // Ctrl+C reaches the server too, which then shuts down gracefully.
  Deno.addSignalListener("SIGINT", () => {});
  return (await server.status).code;
}

/** Runs the server and the client side by side; returns the exit status. */
async function demonstrate(): Promise<number> {
  const giveUp = AbortSignal.timeout(TIME_LIMIT);
  title("Two processes, one socket, three layers");
  const server = deno(SERVER, ["--once"], "piped", giveUp);
  const { promise: port, resolve: ready } = Promise.withResolvers<string>();
  const serverOutput = relay("server", server, ready);
  const address = await Promise.race([port, server.status]);
  if (typeof address !== "string") {
    await serverOutput;
    return failed(
      `the server exited before it listened (status ${address.code})`,
    );
  }
  const client = deno(CLIENT, ["--port", address], "piped", giveUp);
  await relay("client", client);
  const { code: clientCode } = await client.status;
  if (clientCode !== 0) {
    if (!giveUp.aborted) server.kill();
    await serverOutput;
    return failed(`the client exited with status ${clientCode}`);
  }
  await serverOutput;
  const { code: serverCode } = await server.status;
  if (serverCode !== 0) {
    return failed(`the server exited with status ${serverCode}`);
  }
  title(
    "All went well: both processes closed gracefully and exited with status 0",
  );
  return 0;
}

function failed(reason: string): number {
  console.error(`\nThe demonstration failed: ${reason}`);
  return 1;
}

/** Starts a process whose permissions allow only its own address. */
function deno(
  program: string,
  args: string[],
  output: "piped" | "inherit",
  signal?: AbortSignal,
): Deno.ChildProcess {
  const hostname = args[args.indexOf("--hostname") + 1] ?? "127.0.0.1";
  const host = args.includes("--hostname") ? hostname : "127.0.0.1";
  const net = host.includes(":") ? `[${host}]` : host;
  return new Deno.Command("deno", {
    args: ["run", "--quiet", `--allow-net=${net}`, program, ...args],
    stdin: "null",
    stdout: output,
    stderr: output,
    ...(signal === undefined ? {} : { signal }),
  }).spawn();
}

function paint(color: keyof typeof COLORS, text: string): string {
  return PLAIN ? text : `${COLORS[color]}${text}\x1b[0m`;
}

function title(text: string): void {
  console.log(`\n${paint("title", text)}\n`);
}

/** Prints a process's output line by line; handles `@port` lines. */
async function relay(
  name: "server" | "client",
  process: Deno.ChildProcess,
  onPort?: (port: string) => void,
): Promise<void> {
  const print = (line: string) => {
    if (line.startsWith("@port ")) onPort?.(line.slice(6));
    else console.log(`${paint(name, `${name} │`)} ${line}`);
  };
  await Promise.all([
    eachLine(process.stdout, print),
    eachLine(process.stderr, print),
  ]);
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  print: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(print);
  }
  if (rest !== "") print(rest);
}

if (problem !== undefined) {
  console.error(`${problem}\n\n${HELP}`);
  Deno.exit(2);
} else if (values.help) {
  console.log(HELP);
} else if (values.port !== undefined || values.hostname !== undefined) {
  Deno.exit(await serveUntilInterrupted());
} else {
  Deno.exit(await demonstrate());
}
