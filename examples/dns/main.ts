#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * DNS over TCP, using only the framing and transport layers: a client for any
 * server, and a server with a small zone for any client.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/dns/main.ts              # the client queries the server
 * deno run --allow-net=127.0.0.1 examples/dns/main.ts serve --port 5353
 * dig +tcp @127.0.0.1 -p 5353 example.test MX                      # in another terminal
 * deno run --allow-net=192.0.2.1 examples/dns/main.ts query example.test MX --host 192.0.2.1
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { FrameError } from "@lengthwise/lengthwise/framing";
import {
  listen,
  type SocketListener,
  TransportError,
} from "@lengthwise/lengthwise/transport";
import { DnsClient } from "./client.ts";
import { DnsFormatError } from "./errors.ts";
import { EXAMPLE_ZONE } from "./example_zone.ts";
import { type Message, Rcode } from "./message.ts";
import type { ResourceRecord } from "./records.ts";
import { serveZone } from "./responder.ts";
import { Zone } from "./zone.ts";

const HELP = `DNS over TCP: a client, and a server of the zone example.test.

Usage: main.ts                       serve the zone on a free port and query it
       main.ts serve [options]       serve the zone until interrupted
       main.ts query <name> [<type>] [options]
                                     query a server [default type: A]

  --host <address>   to listen on or to query [default: 127.0.0.1]; any other
                     address needs its own --allow-net
  --port <port>      [default: 53]
  --help             show this help

`;

/** Exit status for invalid arguments; it is 1 for other failures. */
const WRONG_USE = 2;
/** Maximum number of concurrent clients. */
const MAX_CLIENTS = 100;

/** Queries that the demonstration sends. */
const QUESTIONS = [
  ["example.test", "MX"],
  ["www.example.test", "A"],
  ["ns.example.test", "AAAA"],
  ["example.test", "TXT"],
  ["anyone.users.example.test", "A"],
  ["missing.example.test", "A"],
] as const; // each is a name and a type

async function main(): Promise<number> {
  const problem =
    "Invalid command; expected serve, query <name>, or no command";
  let given: ReturnType<typeof readArguments>;
  try {
    given = readArguments();
  } catch (error) {
    return refuse(error instanceof Error ? error.message : `${error}`);
  }
  const { values, positionals: [command, name, type = "A", ...more] } = given;
  const { host: hostname, port } = values;
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    return refuse(`Invalid --port "${port}"; expected 0 to 65535`);
  }
  const address = { hostname, port: Number(port) };
  try {
    if (command === undefined) return await demonstrate();
    if (command === "serve" && name === undefined) return await serve(address);
    if (command === "query" && name !== undefined && more.length === 0) {
      await using client = await DnsClient.connect(address);
      return print(await client.query(name, type.toUpperCase()));
    }
    return refuse(problem);
  } catch (error) {
    console.error(explain(error));
    return 1;
  }
}

function readArguments() {
  const options = {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "53" },
    help: { type: "boolean", short: "h" },
  } as const; // parseArgs infers the types of the values from this
  return parseArgs({ args: Deno.args, options, allowPositionals: true });
}

function refuse(problem: string): number {
  console.error(`${problem}\n\n${HELP}`);
  return WRONG_USE;
}

/** Sends all queries at once, on one connection. */
async function demonstrate(): Promise<number> {
  const listener = await open({ port: 0 });
  const serving = serveZone(listener, new Zone(EXAMPLE_ZONE));
  {
    const { hostname = "127.0.0.1", port = 0 } = listener.addr;
    await using client = await DnsClient.connect({ hostname, port });
    const responses = QUESTIONS.map(([name, type]) => client.query(name, type));
    for (const response of await Promise.all(responses)) print(response);
  }
  listener.close();
  await serving;
  return 0;
}

async function serve(
  address: { hostname: string; port: number },
): Promise<number> {
  const listener = await open(address);
  console.log(
    `serving example.test. at ${listener.addr.hostname} port ${listener.addr.port}`,
  );
  Deno.addSignalListener("SIGINT", () => listener.close());
  await serveZone(listener, new Zone(EXAMPLE_ZONE), {
    onError: (error) => console.error(`client error: ${explain(error)}`),
  });
  return 0;
}

function open(
  address: { hostname?: string; port: number },
): Promise<SocketListener> {
  return listen(address, { maxConnections: MAX_CLIENTS });
}

/** Prints a response in zone file format and returns the exit status. */
function print(message: Message): number {
  const { rcode, questions: [question], answers, authorities } = message;
  const [status = `RCODE${rcode}`] =
    Object.entries(Rcode).find(([, code]) => code === rcode) ?? [];
  console.log(`; ${question?.name} ${question?.type}: ${status}`);
  for (const record of answers) console.log(line(record));
  if (answers.length === 0) {
    for (const record of authorities) console.log(`; ${line(record)}`);
  }
  return rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN ? 0 : 1;
}

function line({ name, ttl, type, data }: ResourceRecord): string {
  const values = type === "TXT" ? data.map((text) => `"${text}"`) : data;
  return `${name} ${ttl} IN ${type} ${values.join(" ")}`;
}

/** Returns an expected error's message, or a bug's stack. */
function explain(error: unknown): string {
  const expected = error instanceof TransportError ||
    error instanceof FrameError || error instanceof DnsFormatError ||
    error instanceof DOMException || error instanceof Deno.errors.NotCapable;
  return expected ? error.message : Deno.inspect(error);
}

Deno.exitCode = await main();
