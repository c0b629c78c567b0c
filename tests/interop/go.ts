/**
 * The library against a peer in Go, and the Go peer against the conversations of
 * tests/vectors/messages.json. Prints a line for each scenario. Without Go it
 * only says so; it needs no network and no modules but Go's standard library.
 *
 * Requires Go 1.19: `apt-get install golang-go`.
 *
 * Usage: `deno task interop:go`
 *
 * @module
 */
import { testPeer } from "./peers.ts";

const GO = "go";
const FOLDER = new URL("go/", import.meta.url);

async function go(...args: string[]): Promise<boolean> {
  const env = { GOPROXY: "off", GOTOOLCHAIN: "local" };
  await using child = new Deno.Command(GO, { args, cwd: FOLDER, env }).spawn();
  return (await child.status).success;
}

async function hasGo(): Promise<boolean> {
  try {
    return await go("version");
  } catch (error) {
    // NotCapable: a program that does not exist cannot be allowed by its name.
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotCapable
    ) return false;
    throw error;
  }
}

async function main(): Promise<boolean> {
  if (!await hasGo()) {
    console.log("skipped: Go is not installed (apt-get install golang-go)");
    return true;
  }
  console.log("── conversations");
  const conversations = await go("test", "-count=1");
  if (!await go("vet", "./...")) return false;
  const peer = await testPeer({
    language: "Go",
    client: [GO, "run", "./cmd/peer", "client"],
    server: [GO, "run", "./cmd/peer", "server"],
    folder: FOLDER,
  });
  return conversations && peer;
}

Deno.exit(await main() ? 0 : 1);
