/**
 * The example `cluster/`, whose ledger must balance.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";

/** Milliseconds after which the program is considered hanging. */
const HANGS_AFTER = 120_000;

Deno.test("the ledger of examples/cluster balances under killed processes", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--frozen", "--no-prompt", "--allow-net=127.0.0.1"],
      ...["--allow-run=deno,nats-server", "examples/cluster/main.ts"],
    ],
    stdin: "null",
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(HANGS_AFTER),
  }).output();
  const [printed, errors] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  assertEquals([code, errors], [0, ""]);
  const text = printed ?? "";
  assert(
    text.endsWith(
      "0 lost in silence, 0 doubled, 0 out of order\nthe ledger balances\n",
    ),
    text,
  );
  assert(text.includes("both gateways were restarted"), text);
  const [, heard, missing] =
    /(\d+) heard, (\d+) missing by notice/.exec(text) ??
      [];
  assert(Number(heard) > 1000, text);
  assert(Number(missing) > 0, text); // while NATS was killed
});
