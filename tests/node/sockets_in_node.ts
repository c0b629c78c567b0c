/**
 * Sockets of Node.js and Bun: the compliance suite, and calls between runtimes.
 *
 * @module
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { TRANSPORT_CHECKS } from "../../lib/testing/transport_checks.ts";
import { authority, server } from "../transport/tls/certificates.ts";
import { streamConnection } from "@lengthwise/lengthwise/transport";
import { pathOf, runIn, RUNTIMES, startIn, withBundle } from "./run_in_node.ts";
import { callTexts, serveTexts } from "./texts_peer.ts";

/** Number of checks of the suite that do not need the option `reset`. */
const CHECKS = Object.keys(TRANSPORT_CHECKS)
  .filter((name) => !name.startsWith("reset")).length;

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  Deno.test(`${name} passes the compliance suite of transports`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "lengthwise_" });
    const files = Object.entries({
      "authority.pem": authority.cert,
      "cert.pem": server.cert,
      "key.pem": server.key,
    });
    for (const [file, text] of files) {
      await Deno.writeTextFile(`${folder}/${file}`, text);
    }
    try {
      const paths = files.map(([file]) => `${folder}/${file}`);
      const program = "tests/node/programs/sockets.ts";
      const output = await runIn(runtime, program, [folder, ...paths]);
      assertEquals([output.code, output.stderr], [0, ""]);
      assertEquals(output.stdout.trim().split("\n"), [
        `ok tcp ${CHECKS}`,
        `ok unix ${CHECKS}`,
        ...(Deno.build.os === "linux" ? [`ok abstract ${CHECKS}`] : []),
        `ok child ${CHECKS}`,
        ...(name === "Bun" ? [] : [`ok tls ${CHECKS}`]),
        "ok sockets",
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  Deno.test(`${name} and Deno call each other`, async () => {
    await using server = await serveTexts();
    const program = "tests/node/programs/peer.ts";
    const { port } = server.addr;
    const code = await startIn(runtime, program, [`${port}`], async (line) => {
      const hostname = "127.0.0.1";
      await callTexts({ transport: "tcp", hostname, port: Number(line) });
    });
    assertEquals(code, 0);
  });
}

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  const child = "tests/node/programs/child.ts";

  Deno.test(`Deno calls a child in ${name}`, async () => {
    await withBundle(child, async (bundle) => {
      const process = new Deno.Command(await pathOf(runtime), {
        args: [bundle],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      await callTexts(streamConnection(process));
      assertEquals((await process.status).code, 0);
    });
  });

  Deno.test(`${name} calls a child in Deno and a thread`, async () => {
    const { code, stdout, stderr } = await runIn(
      runtime,
      "tests/node/programs/parent.ts",
      [Deno.execPath(), child],
    );
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout, "ok child\nok thread\nok end of a thread\n");
  });
}

Deno.test("Node.js 20 is refused with a clear message", async () => {
  const program = "tests/node/programs/peer.ts";
  const old = await runIn("node@20", program, ["9"]);
  assertEquals(old.code, 1);
  assertStringIncludes(old.stderr, "install Node.js 22 or later");
});
