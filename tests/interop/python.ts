/**
 * The library against a peer in Python that was written from PROTOCOL.md alone:
 * the Python client with the library's server, and the library's client with the
 * Python server. Prints a line for each scenario.
 *
 * Requires Python 3.9 and its package msgpack: `apt-get install python3-msgpack`.
 *
 * Usage: `deno task interop`
 *
 * @module
 */
import { dial, SCENARIOS } from "./our_client.ts";
import { ourServer } from "./our_server.ts";

const PYTHON = "/usr/bin/python3";
const FOLDER = new URL("python/", import.meta.url).pathname;
/** Milliseconds for each half of the run, and for one scenario. */
const HALF = 25_000, ONE = 10_000;

interface Score {
  passed: number;
  failed: number;
}

function python(script: string, ...args: string[]): Deno.Command {
  return new Deno.Command(PYTHON, {
    args: ["-B", script, ...args],
    cwd: FOLDER,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(HALF),
  });
}

/** Runs the Python client against the library's server. */
async function theirClient(): Promise<Score> {
  console.log("── client in Python, server of the library");
  await using usual = await ourServer({});
  await using small = await ourServer({
    maxFrameBody: 16_384,
    maxMessage: 600_000,
    maxCalls: 32,
    streamWindow: 4096,
    maxStreamWindow: 4096,
  });
  const ports = [usual, small].map(({ addr }) => String(addr.port));
  await using client = python("client.py", ...ports).spawn();
  await client.stdin.close();
  let output = "";
  for await (const text of client.stdout.pipeThrough(new TextDecoderStream())) {
    await Deno.stdout.write(new TextEncoder().encode(text));
    output += text;
  }
  await client.status;
  const sum = /^(\d+) passed, (\d+) failed$/m.exec(output);
  return sum === null
    ? { passed: 0, failed: 1 } // it did not finish
    : { passed: Number(sum[1]), failed: Number(sum[2]) };
}

/** Runs the library's client against the Python server. */
async function ourClient(): Promise<Score> {
  console.log("── server in Python, client of the library");
  await using server = python("server.py").spawn();
  const lines = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  while (!line.endsWith("\n")) line += (await lines.read()).value ?? "\n";
  const [usual = 0, small = 0] = line.split(" ").map(Number);
  const { session, alerts } = await dial(usual);
  const { remote } = session;
  const score: Score = { passed: 0, failed: 0 };
  for (const [name, run] of Object.entries(SCENARIOS)) {
    try {
      const input = { session, remote, alerts, ports: [usual, small] } as const;
      await inTime(run(input));
      score.passed++;
      console.log(`ok ${name}`);
    } catch (error) {
      score.failed++;
      console.log(
        `FAILED ${name}\n${error instanceof Error ? error.stack : error}`,
      );
    }
  }
  await session.close();
  await server.stdin.close();
  await lines.cancel();
  await server.status;
  console.log(`${score.passed} passed, ${score.failed} failed`);
  return score;
}

async function inTime(run: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => late.reject(new Error(`It took longer than ${ONE} ms`)),
    ONE,
  );
  try {
    await Promise.race([run, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

const scores = [await theirClient(), await ourClient()];
const passed = scores.reduce((sum, score) => sum + score.passed, 0);
const failed = scores.reduce((sum, score) => sum + score.failed, 0);
console.log(
  `${failed === 0 ? "ok" : "FAILED"} | ${passed} passed | ${failed} failed`,
);
Deno.exit(failed === 0 ? 0 : 1);
