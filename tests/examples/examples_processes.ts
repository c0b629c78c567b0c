/**
 * Every program in `examples/` runs, with the permissions that its first line
 * names and no others, prints the expected text, exits on its own with status 0,
 * and writes nothing to stderr.
 *
 * Programs are the files directly in `examples/` and each `main.ts` in a folder
 * below it; other files are modules of these programs.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { flagsOf, needsEachFlag, runExample } from "./run_example.ts";
// Downloads the package now, so that the program that needs it prints nothing.
import "hono";

/** Programs that other tests run, with the file of those tests. */
const RUN_ELSEWHERE: Record<string, string> = {
  "examples/cluster/main.ts": "tests/cluster/chat_example.ts",
  "examples/mqtt/main.ts": "tests/interop/servers/mqtt_test.ts",
  "examples/mysql/main.ts": "tests/interop/servers/mysql_test.ts",
  "examples/nats/main.ts": "tests/interop/servers/nats_test.ts",
  "examples/redis/main.ts": "tests/interop/servers/redis_test.ts",
  "examples/postgres/main.ts": "tests/interop/servers/postgres_test.ts",
};

/** Text that each program prints, as proof of what it shows. */
const SHOWS: Record<string, readonly string[]> = {
  "examples/websocket/main.ts": ["Hello, WebSocket", "closed: 1000 bye"],
  "examples/beside_deno_serve.ts": [
    "over TCP: 2",
    "over WebSocket: 5",
    "over HTTP: count 5",
  ],
  "examples/calculator.ts": [
    "2 + 3 = 5",
    "7 / 0: cannot divide 7 by zero",
    "√-1: internal, without details (processed: yes)",
  ],
  "examples/chat.ts": [
    "Ben in garden hears Ada: The roses are out",
    "the last line reached 1 member(s)",
    "refused without a name",
  ],
  "examples/child_process/main.ts": [
    "the child found 5 words\nunknown: mesage\nthe child exited with status 0\n",
  ],
  "examples/continued_stream.ts": ["200 entries, 3 restarts, 0 missing"],
  "examples/custom_codec.ts": [
    "Hello, Ada",
    'codec "msgpack" is not supported; expected "key-value"',
  ],
  "examples/custom_framing.ts": [
    "the framing passes the compliance suite",
    "across the wire, checked",
    "its checksum is wrong",
  ],
  "examples/demo.ts": [
    'price({ sku: "A-1" }) returned { cents: 1250 }',
    "failed as declared: outOfStock, 3 left",
    "both processes closed gracefully and exited with status 0",
  ],
  "examples/deploy/main.ts": [
    "server 3 was restarted\npayments were made during the deploy\n0 failed, 0 doubled",
  ],
  "examples/dns/main.ts": [
    "www.example.test. 3600 IN CNAME example.test.",
    "missing.example.test. A: NXDOMAIN",
  ],
  "examples/echo.ts": ["Hello, socket"],
  "examples/hono/main.ts": [
    "without a cookie: unauthenticated",
    "page: Hello, Ada",
    "over WebSocket: 1\nover HTTP: 2\nnotes: feed the cat, buy milk",
  ],
  "examples/file_transfer.ts": [
    "upload from byte 0\nconnection lost: disconnected (processed: maybe)",
    "% sent",
    "1048576 bytes arrived, intact",
  ],
  "examples/first_socket.ts": [
    'client: received "Hello, socket!"',
    "server: closed",
  ],
  "examples/framing_alone.ts": [
    "Cannot decode frame 2 at byte 24",
    "after the repair:\n  deposit 100\n  withdraw 30\n  deposit 7\n",
  ],
  "examples/http_by_hand.ts": [
    "HTTP/1.1 200 OK | POST /shout: HELLO BY HAND",
  ],
  "examples/job_workers.ts": [
    "job 1: done by Anna",
    "drops job 5: deadline",
    "job 5: deadline",
    "drops job 6: cancelled",
    "job 6: cancelled",
    "Anna drops job 7: disconnected",
    "job 7: done by Bert",
  ],
  "examples/live_quotes.ts": [
    "sees INIT, and leaves",
    "of 3000 ticks fewer were sent",
    "ACME: 4000 cents, tick 3000",
  ],
  "examples/messages_alone.ts": ["MIND!\nTHE!\nSTEP!\n"],
  "examples/mutual_tls/main.ts": [
    "alice: box 7 of alice",
    "received fatal alert: CertificateRequired",
  ],
  "examples/worker/main.ts": [
    "25997 primes; this thread was free\nfrom 1000: 1009, 1013, 1019\n",
  ],
  "examples/unix_socket/main.ts": [
    "client: the server has been up for some milliseconds",
    "the client exited with status 0",
  ],
};

for (const path of programs("examples")) {
  if (Object.hasOwn(RUN_ELSEWHERE, path)) continue;
  Deno.test(`${path} runs with the permissions in its first line`, async () => {
    const { code, signal, stdout, stderr } = await runExample(
      path,
      flagsOf(path),
    );
    const errors = new TextDecoder().decode(stderr);
    assertEquals({ code, signal }, { code: 0, signal: null }, errors);
    assertEquals(errors, "");
    const printed = new TextDecoder().decode(stdout);
    const shows = SHOWS[path];
    assert(shows !== undefined, `${path}: SHOWS has no entry for this program`);
    for (const text of shows) assertStringIncludes(printed, text);
  });
}

Deno.test("examples need every permission in their first line", async () => {
  for (const path of programs("examples")) {
    if (Object.hasOwn(RUN_ELSEWHERE, path)) continue;
    await needsEachFlag(path);
  }
});

Deno.test("examples that are run elsewhere exist", () => {
  const known = programs("examples");
  for (const path of Object.keys(RUN_ELSEWHERE)) {
    assert(known.includes(path), `${path} does not exist`);
  }
});

function programs(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    if (isDirectory) {
      return programs(`${folder}/${name}`).filter((path) =>
        path.endsWith("/main.ts")
      );
    }
    return name.endsWith(".ts") ? [`${folder}/${name}`] : [];
  }).sort();
}

Deno.test("every example with a run line can be run directly", async () => {
  const folder = new URL("../../examples/", import.meta.url);
  const found: string[] = [];
  for await (const path of files(folder)) {
    const text = await Deno.readTextFile(path);
    if (!text.startsWith("#!")) continue;
    const { mode } = await Deno.stat(path);
    found.push(path.pathname);
    assertEquals((mode ?? 0) & 0o111, 0o111, path.pathname);
  }
  assert(found.length > 20);
});

async function* files(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* files(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield new URL(name, folder);
  }
}
