/**
 * The library against a peer in Python. Prints a line for each scenario.
 *
 * Requires Python 3.9 and its package msgpack: `apt-get install python3-msgpack`.
 *
 * Usage: `deno task interop`
 *
 * @module
 */
import { testOnce } from "./once.ts";
import { testPeer } from "./peers.ts";
import { testResume } from "./resume.ts";

const PYTHON = "/usr/bin/python3";

const folder = new URL("python/", import.meta.url);
const passed = await testPeer({
  language: "Python",
  client: [PYTHON, "-B", "client.py"],
  server: [PYTHON, "-B", "server.py"],
  folder,
});
const once = await testOnce(PYTHON, folder);
const resume = await testResume(PYTHON, folder);
Deno.exit(passed && once && resume ? 0 : 1);
