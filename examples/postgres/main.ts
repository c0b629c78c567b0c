#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Runs SQL on a PostgreSQL server and prints the results: a client for a real
 * protocol, using only the framing and transport layers.
 *
 * ```sh
 * deno run --allow-net=127.0.0.1 examples/postgres/main.ts \
 *   --user app --password secret 'select $1::int + 1' 41
 * ```
 *
 * For a server at another address, change `--allow-net`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { PostgresClient } from "./client.ts";
import { PostgresError } from "./errors.ts";
import type { Result } from "./results.ts";
import type { Value } from "./values.ts";

const HELP = `Runs SQL on a PostgreSQL server.

Usage: main.ts --user <name> [options] [<sql> [<parameter> …]]

  --host <name>          host of the server [default: 127.0.0.1]
  --port <port>          port of the server [default: 5432]
  --user <name>          role to log in as
  --password <password>  required if the server requests one
  --database <name>      database [default: the name of the user]
  --tls                  encrypt, and verify the server's certificate
  --timeout <seconds>    stop after this time [default: 30]
  --help                 show this help


Without parameters, <sql> may contain several statements; with parameters, it is
one statement with the placeholders $1, $2, …. Default: select version()
`;

/** Exit status for invalid arguments; it is 1 for other failures. */
const WRONG_USE = 2;

type Arguments = ReturnType<typeof readArguments>;

function readArguments() {
  const options = {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "5432" },
    user: { type: "string" },
    password: { type: "string" },
    database: { type: "string" },
    tls: { type: "boolean" },
    timeout: { type: "string", default: "30" },
    help: { type: "boolean", short: "h" },
  } as const; // parseArgs infers the types of the values from this
  return parseArgs({ args: Deno.args, options, allowPositionals: true });
}

async function main(): Promise<number> {
  let given: Arguments;
  try {
    given = readArguments();
  } catch (error) {
    return refuse(error instanceof Error ? error.message : `${error}`);
  }
  const { host, port, user, password, database, tls, timeout, help } =
    given.values;
  if (help) {
    console.log(HELP);
    return 0;
  }
  if (user === undefined) return refuse("Missing option --user <name>");
  if (!inRange(port, 65_535)) {
    return refuse(`Invalid --port "${port}"; expected 1 to 65535`);
  }
  if (!inRange(timeout, 86_400)) {
    return refuse(`Invalid --timeout "${timeout}"; expected 1 to 86400`);
  }
  try {
    await using client = await PostgresClient.connect({
      hostname: host,
      port: Number(port),
      user,
      ...(password !== undefined && { password }),
      ...(database !== undefined && { database }),
      ...(tls && { tls: {} }),
      signal: AbortSignal.timeout(Number(timeout) * 1000),
      onNotice: (fields) => console.error(plain(`NOTICE: ${fields.get("M")}`)),
    });
    const [sql = "select version()", ...parameters] = given.positionals;
    const results = parameters.length > 0
      ? [await client.query(sql, parameters)]
      : await client.run(sql);
    for (const result of results) print(result);
    return 0;
  } catch (error) {
    console.error(explain(error));
    return 1;
  }
}

function refuse(problem: string): number {
  console.error(`${problem}\n\n${HELP}`);
  return WRONG_USE;
}

function inRange(text: string, most: number): boolean {
  return /^[1-9]\d{0,5}$/.test(text) && Number(text) <= most;
}

function print({ columns, rows, command }: Result): void {
  if (columns.length > 0) {
    console.log(columns.map(({ name }) => plain(name)).join("\t"));
  }
  for (const row of rows) console.log(row.map(show).join("\t"));
  console.log(`(${plain(command) || "no statement"})`);
}

function show(value: Value): string {
  if (value === null) return "NULL";
  if (value instanceof Uint8Array) return `\\x${value.toHex()}`;
  return plain(typeof value === "object" ? JSON.stringify(value) : `${value}`);
}

/** Escapes control characters in text from the server. */
function plain(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

/** Returns an expected error's message, or a bug's stack. */
function explain(error: unknown): string {
  if (error instanceof PostgresError) {
    const { severity, code, message, detail, hint, position } = error;
    const lines = [`${severity} ${code}: ${message}`];
    if (detail !== undefined) lines.push(`  detail: ${detail}`);
    if (hint !== undefined) lines.push(`  hint: ${hint}`);
    if (position !== undefined) lines.push(`  at character ${position}`);
    return lines.map(plain).join("\n");
  }
  const bug = !(error instanceof Error) || error instanceof TypeError ||
    error instanceof ReferenceError;
  return bug ? Deno.inspect(error) : plain(error.message);
}

Deno.exitCode = await main();
