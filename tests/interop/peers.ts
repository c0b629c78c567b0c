/**
 * The library against peers in other languages that were written from
 * PROTOCOL.md alone: their clients with the library's servers, and the library's
 * client with their servers.
 *
 * @module
 */
import { dial, SCENARIOS } from "./our_client.ts";
import { ourServer } from "./our_server.ts";

/** Milliseconds for each half of the run, and for one scenario. */
const HALF = 60_000, ONE = 10_000;

/** A peer in another language. */
export interface ForeignPeer {
  /** Name of the language. */
  readonly language: string;
  /** Program and first arguments of its client; three ports are added. */
  readonly client: readonly [program: string, ...args: string[]];
  /** Program and arguments of its server, which prints its three ports. */
  readonly server: readonly [program: string, ...args: string[]];
  /** Folder in which the programs run. */
  readonly folder: URL;
}

interface Score {
  passed: number;
  failed: number;
}

function start(
  { folder }: ForeignPeer,
  [program, ...args]: readonly [string, ...string[]],
): Deno.ChildProcess {
  const command = new Deno.Command(program, {
    args,
    cwd: folder,
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(HALF),
  });
  return command.spawn();
}

/** Runs the peer's client against the library's servers. */
async function theirClient(peer: ForeignPeer): Promise<Score> {
  console.log(`── client in ${peer.language}, server of the library`);
  await using usual = await ourServer({});
  await using small = await ourServer({
    maxFrameBody: 16_384,
    maxMessage: 600_000,
    maxCalls: 32,
    streamWindow: 4096,
    maxStreamWindow: 4096,
    notifyWindow: 16_384,
    itemsWindow: 65_536,
  });
  await using scarce = await ourServer({
    maxFrameBody: 16_384,
    maxMessage: 65_536,
    itemsWindow: 65_536,
    maxAssembly: 131_072,
    unreadTimeout: 300,
  });
  const ports = [usual, small, scarce].map(({ addr }) => String(addr.port));
  await using client = start(peer, [...peer.client, ...ports]);
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

/** Runs the library's client against the peer's servers. */
async function ourClient(peer: ForeignPeer): Promise<Score> {
  console.log(`── server in ${peer.language}, client of the library`);
  await using server = start(peer, peer.server);
  const lines = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  while (!line.endsWith("\n")) line += (await lines.read()).value ?? "\n";
  const [usual = 0, small = 0, scarce = 0] = line.split(" ").map(Number);
  const ports = [usual, small, scarce] as const;
  const { session, alerts } = await dial(usual);
  const { remote } = session;
  const score: Score = { passed: 0, failed: 0 };
  for (const [name, run] of Object.entries(SCENARIOS)) {
    try {
      await inTime(run({ session, remote, alerts, ports }));
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

/** Rejects if a scenario takes longer than 10 s. */
export async function inTime(run: Promise<void>): Promise<void> {
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

/** Runs both halves, prints a line for each scenario, and returns success. */
export async function testPeer(peer: ForeignPeer): Promise<boolean> {
  const scores = [await theirClient(peer), await ourClient(peer)];
  const passed = scores.reduce((sum, score) => sum + score.passed, 0);
  const failed = scores.reduce((sum, score) => sum + score.failed, 0);
  console.log(
    `${failed === 0 ? "ok" : "FAILED"} | ${passed} passed | ${failed} failed`,
  );
  return failed === 0;
}
