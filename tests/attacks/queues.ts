/**
 * The bytes that wait in the queues of the kernel, from `/proc/net/tcp`.
 *
 * @module
 */
import type { Attack } from "./attack.ts";

/** State of a listening socket in `/proc/net/tcp`. */
const LISTEN = "0A";
/** Milliseconds to wait where the kernel has no such file. */
const UNKNOWN = 1000;

/**
 * Returns the bytes that attackers have sent and the attacked process has not
 * read.
 *
 * @param port the port of the server, which is either the attacked one or the
 * attacker
 */
export async function bytesUnread(
  victim: Attack["victim"],
  port: number,
): Promise<number> {
  let table: string;
  try {
    table = await Deno.readTextFile("/proc/net/tcp");
  } catch {
    await new Promise((resolve) => setTimeout(resolve, UNKNOWN));
    return 0;
  }
  let sum = 0;
  for (const line of table.split("\n").slice(1)) {
    const [, local = "", remote = "", state, queues = ""] = line.trim()
      .split(/\s+/);
    if (state === LISTEN) continue;
    const [unsent = 0, unread = 0] = queues.split(":").map(fromHex);
    const isServer = portOf(local) === port;
    if (!isServer && portOf(remote) !== port) continue;
    sum += isServer === (victim === "server") ? unread : unsent;
  }
  return sum;
}

function portOf(address: string): number {
  return fromHex(address.slice(address.indexOf(":") + 1));
}

function fromHex(digits: string): number {
  return Number.parseInt(digits, 16);
}
