/**
 * The PostgreSQL example against a real PostgreSQL server.
 *
 * @module
 */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { TransportError } from "../../../lib/transport/mod.ts";
import { PostgresClient } from "../../../examples/postgres/client.ts";
import {
  AuthenticationError,
  PostgresError,
  ProtocolError,
} from "../../../examples/postgres/errors.ts";
import { authority } from "../../transport/tls/certificates.ts";
import { ADMIN, startPostgres } from "./postgres_server.ts";
import { type LogIn, SESSIONS } from "./postgres_sessions.ts";
import { output } from "./programs.ts";

const DATABASE = "postgres";
const MAIN = "examples/postgres/main.ts";

Deno.test("the PostgreSQL example works with a PostgreSQL server", async (t) => {
  await using server = await startPostgres();
  const { port } = server;
  const logIn: LogIn = (options) =>
    PostgresClient.connect({ port, database: DATABASE, ...ADMIN, ...options });

  for (const [name, check] of Object.entries(SESSIONS)) {
    await t.step(name, async () => {
      await using client = await logIn();
      await check(client, logIn);
    });
  }
  for (const [name, check] of Object.entries(LOGINS)) {
    await t.step(`connect() ${name}`, () => check(logIn));
  }
  for (const { name, args, status, stdout, stderr } of RUNS) {
    await t.step(`main.ts ${name}`, async () => {
      const ran = await runMain(["--port", `${port}`, ...args]);
      assertEquals(ran.code, status, ran.stderr);
      assertMatch(ran.stdout, stdout);
      assertMatch(ran.stderr, stderr);
    });
  }
});

Deno.test("the PostgreSQL example reports that no server listens", async () => {
  const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = server.addr;
  server.close();
  const error = await assertRejects(
    () => PostgresClient.connect({ port, ...ADMIN }),
    TransportError,
  );
  assertEquals(error.code, "refused");
  const ran = await runMain(["--port", `${port}`, "--user", "admin"]);
  assertEquals([ran.code, ran.stdout], [1, ""]);
  assertMatch(ran.stderr, /^Cannot connect to tcp:\/\/127.0.0.1:\d+: /);
});

/** Logins that succeed, and logins that fail. */
const LOGINS: Record<string, (logIn: LogIn) => Promise<void>> = {
  async "reports the server's settings"(logIn) {
    await using client = await logIn();
    assertEquals(client.parameters.get("client_encoding"), "UTF8");
    assertMatch(client.parameters.get("server_version") ?? "", /^\d+/);
  },
  async "refuses a wrong password"(logIn) {
    const error = await assertRejects(
      () => logIn({ password: "wrong" }),
      PostgresError,
      'password authentication failed for user "admin"',
    );
    assertEquals([error.severity, error.code], ["FATAL", "28P01"]);
  },
  async "refuses users and databases that do not exist"(logIn) {
    const user = await assertRejects(
      () => logIn({ user: "missing" }),
      PostgresError,
    );
    const database = await assertRejects(
      () => logIn({ database: "nowhere" }),
      PostgresError,
    );
    assertEquals([user.code, database.code], ["28P01", "3D000"]);
  },
  async "prepares passwords as the server does"(logIn) {
    await using admin = await logIn();
    const passwords = ["schloß\u00A0Ⅸ", "a\u00ADb", "\u2168\u0085", "e\u0301"];
    for (const [i, password] of passwords.entries()) {
      const user = `user${i}`;
      await admin.run(`create role ${user} login password '${password}'`);
      await using client = await logIn({ user, password });
      assertEquals((await client.query("select user::text")).rows, [[user]]);
    }
  },
  async "uses TLS with a server whose certificate it trusts"(logIn) {
    await using client = await logIn({ tls: { caCerts: [authority.cert] } });
    const { rows } = await client.query(
      "select ssl, repeat('x', 300000) from pg_stat_ssl where pid = pg_backend_pid()",
    );
    assertEquals(rows, [[true, "x".repeat(300_000)]]);
    await assertRejects(() => logIn({ tls: {} }), Error, "UnknownIssuer");
  },
  async "refuses a server without TLS if TLS is required"(logIn) {
    await using admin = await logIn();
    await admin.run("alter system set ssl = off");
    await admin.run("select pg_reload_conf()");
    assertEquals(await untilReloaded(logIn), "off");
    const tls = { caCerts: [authority.cert] };
    await assertRejects(() => logIn({ tls }), ProtocolError, "no TLS");
  },
  async "requires a proof that the server knows the password"(logIn) {
    await using admin = await logIn();
    await admin.run("create role trusted login; create role clear login");
    await assertRejects(
      () => logIn({ user: "trusted" }),
      AuthenticationError,
      "did not prove",
    );
    await assertRejects(
      () => logIn({ user: "clear" }),
      AuthenticationError,
      "the password in plain text",
    );
  },
};

/** Returns the setting `ssl` of new sessions once the server has reloaded it. */
async function untilReloaded(logIn: LogIn): Promise<unknown> {
  let ssl: unknown;
  for (let i = 0; i < 1000 && ssl !== "off"; i++) {
    await using client = await logIn();
    [ssl] = (await client.query("show ssl")).rows[0] ?? [];
  }
  return ssl;
}

const LOGIN = ["--database", DATABASE, "--user", ADMIN.user];
const PASSWORD = ["--password", ADMIN.password];

/** Runs of the program. */
const RUNS = [
  {
    name: "prints the server's version",
    args: [...LOGIN, ...PASSWORD],
    status: 0,
    stdout: /^version\nPostgreSQL \d+.*\n\(SELECT 1\)\n$/,
    stderr: /^$/,
  },
  {
    name: "logs a trusted role in without a password",
    args: ["--database", DATABASE, "--user", "trusted", "select 1 as one"],
    status: 0,
    stdout: /^one\n1\n\(SELECT 1\)\n$/,
    stderr: /^$/,
  },
  {
    name: "prints each row on a line, with NULL and escapes",
    args: [...LOGIN, ...PASSWORD, "select $1 as a, null as b, e'x\\n' c", "41"],
    status: 0,
    stdout: /^a\tb\tc\n41\tNULL\tx\\x0a\n\(SELECT 1\)\n$/,
    stderr: /^$/,
  },
  {
    name: "shows notices on stderr",
    args: [...LOGIN, ...PASSWORD, "drop table if exists nothing"],
    status: 0,
    stdout: /^\(DROP TABLE\)\n$/,
    stderr: /^NOTICE: table "nothing" does not exist, skipping\n$/,
  },
  {
    name: "shows an SQL error and its position",
    args: [...LOGIN, ...PASSWORD, "selekt 1"],
    status: 1,
    stdout: /^$/,
    stderr:
      /^ERROR 42601: syntax error at or near "selekt"\n {2}at character 1\n$/,
  },
  {
    name: "reports a wrong password",
    args: [...LOGIN, "--password", "wrong"],
    status: 1,
    stdout: /^$/,
    stderr: /^FATAL 28P01: password authentication failed for user "admin"\n$/,
  },
  {
    name: "fails without TLS if TLS is required",
    args: [...LOGIN, ...PASSWORD, "--tls"],
    status: 1,
    stdout: /^$/,
    stderr: /^Cannot log in: the server has no TLS\n$/,
  },
  {
    name: "prints its usage after an invalid option",
    args: ["--prot", "1"],
    status: 2,
    stdout: /^$/,
    stderr: /^Unknown option '--prot'.*\n\nRuns SQL on a PostgreSQL server/s,
  },
];

/** Runs the program with the permissions in its first line. */
function runMain(args: string[]): ReturnType<typeof output> {
  const [first = ""] = Deno.readTextFileSync(MAIN).split("\n");
  const flags = first.split(" ").filter((word) => word.startsWith("--allow-"));
  return output(Deno.execPath(), [
    "run",
    "--frozen",
    "--no-prompt",
    ...flags,
    MAIN,
    ...args,
  ]);
}
