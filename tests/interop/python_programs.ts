/**
 * Runs the programs of the Python peer: its client against our server, and its
 * server against our client.
 *
 * @module
 */

/** Milliseconds that a program may take. */
const LIMIT = 30_000;

/** Starts a program of the Python peer with its arguments. */
export type Start = (args: string[]) => Deno.ChildProcess;

/** Returns a function that starts programs. */
export function starter(python: string, folder: URL): Start {
  return (args) =>
    new Deno.Command(python, {
      args: ["-B", ...args],
      cwd: folder,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
      signal: AbortSignal.timeout(LIMIT),
    }).spawn();
}

/** Runs their client against our server; returns whether it has passed. */
export async function runTheirClient(
  start: Start,
  program: string,
  port: string,
): Promise<boolean> {
  await using client = start([program, port]);
  await client.stdin.close();
  const output = await new Response(client.stdout).text();
  console.log(output.trimEnd());
  return /^[1-9]\d* passed, 0 failed$/m.test(output);
}

/**
 * Runs scenarios against their server; returns whether all have passed.
 *
 * @param run runs a scenario with the ports that the server has printed
 */
export async function runTheirServer<Scenario>(
  start: Start,
  program: string,
  scenarios: Readonly<Record<string, Scenario>>,
  run: (scenario: Scenario, ports: number[]) => Promise<void>,
): Promise<boolean> {
  await using server = start([program]);
  const lines = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  while (!line.endsWith("\n")) line += (await lines.read()).value ?? "\n";
  const ports = line.split(" ").map(Number);
  let passed = true;
  for (const [name, scenario] of Object.entries(scenarios)) {
    try {
      await run(scenario, ports);
      console.log(`ok ${name}`);
    } catch (error) {
      passed = false;
      console.log(
        `FAILED ${name}\n${error instanceof Error ? error.stack : error}`,
      );
    }
  }
  await server.stdin.close();
  await lines.cancel();
  await server.status;
  return passed;
}
