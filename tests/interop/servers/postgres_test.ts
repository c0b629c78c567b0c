/**
 * The PostgreSQL example against a real PostgreSQL server.
 *
 * @module
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { TransportError } from "../../../lib/transport/mod.ts";
import {
  type ConnectOptions,
  PostgresClient,
} from "../../../examples/postgres/client.ts";
import {
  AuthenticationError,
  PostgresError,
  ProtocolError,
} from "../../../examples/postgres/errors.ts";
import { authority } from "../../transport/_certificates.ts";
import { ADMIN, startPostgres } from "./_postgres_server.ts";
import { output } from "./_programs.ts";

const DATABASE = "postgres";
const MAIN = "examples/postgres/main.ts";
const MEBIBYTE = 1024 * 1024;

type LogIn = (options?: Partial<ConnectOptions>) => Promise<PostgresClient>;

Deno.test("the PostgreSQL example talks to a PostgreSQL server", async (t) => {
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

Deno.test("the PostgreSQL example says when nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const error = await assertRejects(
    () => PostgresClient.connect({ port, ...ADMIN }),
    TransportError,
  );
  assertEquals(error.kind, "refused");
  const ran = await runMain(["--port", `${port}`, "--user", "admin"]);
  assertEquals([ran.code, ran.stdout], [1, ""]);
  assertMatch(ran.stderr, /^Cannot connect to tcp:\/\/127.0.0.1:\d+: /);
});

/** What a session can do, each in one of its own. */
const SESSIONS: Record<
  string,
  (client: PostgresClient, logIn: LogIn) => Promise<void>
> = {
  async "query() gives rows of typed values"(client) {
    const { columns, rows, command } = await client.query(`
      select 1::int4 as one, 9007199254740993::int8 as big, 1.5::float8 as half,
        true as yes, 'naïve ☃' as text, '\\x00ff'::bytea as bytes,
        '{"a":[1,null]}'::jsonb as json, 12.30::numeric as money, '' as empty
    `);
    assertEquals(
      columns.map(({ name }) => name).join(),
      "one,big,half,yes,text,bytes,json,money,empty",
    );
    assertEquals(rows, [[
      1,
      9007199254740993n,
      1.5,
      true,
      "naïve ☃",
      Uint8Array.of(0, 255),
      { a: [1, null] },
      "12.30",
      "",
    ]]);
    assertEquals(command, "SELECT 1");
  },
  async "query() tells NULL from the empty text"(client) {
    const { rows } = await client.query("select null, '', null::int");
    assertEquals(rows, [[null, "", null]]);
  },
  async "query() takes parameters of every kind, and none as SQL"(client) {
    const hostile = "'; drop table pg_class; --";
    const { rows } = await client.query(
      "select $1::text, $2::int, $3::int8, $4::bool, $5::bytea, $6::text, $7::timestamptz = '2026-01-02T03:04:05Z'",
      [
        hostile,
        -7,
        2n ** 62n,
        false,
        Uint8Array.of(1, 0, 2),
        null,
        new Date("2026-01-02T03:04:05Z"),
      ],
    );
    assertEquals(rows, [[
      hostile,
      -7,
      2n ** 62n,
      false,
      Uint8Array.of(1, 0, 2),
      null,
      true,
    ]]);
  },
  async "query() carries a value of 3 MiB there and back"(client) {
    const text = "0123456789abcdef".repeat(3 * MEBIBYTE / 16);
    const { rows } = await client.query("select $1::text, length($1)", [text]);
    assertEquals(rows[0]?.[1], text.length);
    assert(rows[0]?.[0] === text);
  },
  async "query() gives a row of 70,000 bytes and 100,000 rows"(client) {
    const [big] = (await client.query("select repeat('x', 70000)")).rows;
    assert(big?.[0] === "x".repeat(70_000));
    const { rows, command } = await client.query(
      "select i, 'row ' || i from generate_series(1, 100000) i",
    );
    assertEquals(command, "SELECT 100000");
    assert(rows.every(([i, text], at) => i === at + 1 && text === `row ${i}`));
    assertEquals(rows.length, 100_000);
  },
  async "run() gives a result for each statement"(client) {
    const results = await client.run(`
      create temporary table fruit (id int primary key, name text);
      insert into fruit values (1, 'apple'), (2, null);
      select * from fruit order by id; ;
    `);
    assertEquals(results.map(({ command }) => command), [
      "CREATE TABLE",
      "INSERT 0 2",
      "SELECT 2",
    ]);
    assertEquals(results[2]?.rows, [[1, "apple"], [2, null]]);
    assertEquals((await client.run("")).length, 1);
    assertEquals((await client.query("")).command, "");
  },
  async "query() and run() go on after an error"(client) {
    const wrong = await assertRejects(
      () => client.query("select nothing from pg_nowhere"),
      PostgresError,
      'relation "pg_nowhere" does not exist',
    );
    assertEquals(
      [wrong.severity, wrong.code, wrong.position],
      ["ERROR", "42P01", 21],
    );
    assertEquals((await client.query("select 1")).rows, [[1]]);
    const halfway = await assertRejects(
      () =>
        client.run(
          "select 1; select 1/(i-500) from generate_series(1,900) i; select 2",
        ),
      PostgresError,
    );
    assertEquals(halfway.code, "22012"); // division_by_zero, behind 499 rows
    assertEquals((await client.run("select 2"))[0]?.rows, [[2]]);
  },
  async "queries that are asked at once wait for each other"(client) {
    const numbers = Array.from({ length: 200 }, (_, i) => i);
    const results = await Promise.allSettled(
      numbers.map((i) => client.query("select 100 / ($1::int % 50)", [i])),
    );
    assertEquals(
      results.map((result) =>
        result.status === "fulfilled"
          ? result.value.rows[0]?.[0]
          : result.reason.code
      ),
      numbers.map((i) => i % 50 ? Math.trunc(100 / (i % 50)) : "22012"),
    );
  },
  async "COPY is refused in both directions, and the session goes on"(client) {
    await client.run("create temporary table lines (line text)");
    for (const ask of ["query", "run"] as const) {
      const error = await assertRejects(
        () => client[ask]("copy lines from stdin"),
        PostgresError,
      );
      assertEquals(error.code, "57014"); // query_canceled
      await assertRejects(
        () => client[ask]("copy (select 1) to stdout"),
        Error,
        "Cannot copy out",
      );
      const [row] = (await client.query("select count(*) from lines")).rows;
      assertEquals(row, [0n]);
    }
  },
  async "texts that the protocol cannot carry are refused before they are sent"(
    client,
    logIn,
  ) {
    await assertRejects(() => client.run("select 1\0"), RangeError, "U+0000");
    const many = Array.from({ length: 65_536 }, () => 1);
    await assertRejects(() => client.query("select 1", many), RangeError);
    await using small = await logIn({ maxMessageLength: 1000 });
    const text = "x".repeat(1000);
    await assertRejects(() => small.query("select $1", [text]), RangeError);
    assertEquals((await small.query("select $1::int", [1])).rows, [[1]]);
  },
  async "a session that the server ends says why"(client, logIn) {
    const [pid] = (await client.query("select pg_backend_pid()")).rows;
    await using other = await logIn();
    const waiting = assertRejects(
      () => client.query("select pg_sleep(60)"),
      PostgresError,
    );
    const end = `select pg_terminate_backend(pid) from pg_stat_activity
      where pid = $1 and wait_event = 'PgSleep'`;
    let ended = 0;
    for (let i = 0; i < 1000 && ended === 0; i++) { // it must be asleep before
      ended = (await other.query(end, [Number(pid?.[0])])).rows.length;
    }
    assertEquals(ended, 1);
    const error = await waiting;
    assertEquals([error.severity, error.code], ["FATAL", "57P01"]);
    await assertRejects(() => client.query("select 1"), Error);
  },
  async "a signal ends a query that takes too long"(client, logIn) {
    const stop = new AbortController();
    await using patient = await logIn({ signal: stop.signal });
    const waiting = assertRejects(
      () => patient.query("select pg_sleep(60)"),
      Error,
      "enough",
    );
    stop.abort(new Error("enough"));
    await waiting;
    assertEquals((await client.query("select 1")).rows, [[1]]);
  },
};

/** Who gets in, and who does not. */
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
  async "refuses users and databases that are not there"(logIn) {
    const user = await assertRejects(
      () => logIn({ user: "nobody" }),
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
  async "speaks TLS with a server whose certificate it trusts"(logIn) {
    await using client = await logIn({ tls: { caCerts: [authority.cert] } });
    const { rows } = await client.query(
      "select ssl, repeat('x', 300000) from pg_stat_ssl where pid = pg_backend_pid()",
    );
    assertEquals(rows, [[true, "x".repeat(300_000)]]);
    await assertRejects(() => logIn({ tls: {} }), Error, "UnknownIssuer");
  },
  async "speaks in the clear only with a server that has no TLS"(logIn) {
    await using admin = await logIn();
    await admin.run("alter system set ssl = off");
    await admin.run("select pg_reload_conf()");
    assertEquals(await untilReloaded(logIn), "off");
    const tls = { caCerts: [authority.cert] };
    await assertRejects(() => logIn({ tls }), ProtocolError, "no TLS");
  },
  async "insists on a proof of the password"(logIn) {
    await using admin = await logIn();
    await admin.run("create role trusted login; create role clear login");
    await assertRejects(
      () => logIn({ user: "trusted" }),
      AuthenticationError,
      "without proving",
    );
    await assertRejects(
      () => logIn({ user: "clear" }),
      AuthenticationError,
      "the password in the clear",
    );
  },
};

/** The setting `ssl` of new sessions: the server reads its files in its own time. */
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
    name: "lets who is trusted in without a password",
    args: ["--database", DATABASE, "--user", "trusted", "select 1 as one"],
    status: 0,
    stdout: /^one\n1\n\(SELECT 1\)\n$/,
    stderr: /^$/,
  },
  {
    name: "prints rows, NULL and control characters on a line each",
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
    name: "shows an SQL error and where it is",
    args: [...LOGIN, ...PASSWORD, "selekt 1"],
    status: 1,
    stdout: /^$/,
    stderr:
      /^ERROR 42601: syntax error at or near "selekt"\n {2}at character 1\n$/,
  },
  {
    name: "says that the password is wrong",
    args: [...LOGIN, "--password", "wrong"],
    status: 1,
    stdout: /^$/,
    stderr: /^FATAL 28P01: password authentication failed for user "admin"\n$/,
  },
  {
    name: "does without a server that has no TLS, if it must have it",
    args: [...LOGIN, ...PASSWORD, "--tls"],
    status: 1,
    stdout: /^$/,
    stderr: /^Cannot log in: the server has no TLS\n$/,
  },
  {
    name: "says how it is used",
    args: ["--prot", "1"],
    status: 2,
    stdout: /^$/,
    stderr: /^Unknown option '--prot'.*\n\nRuns SQL on a PostgreSQL server/s,
  },
];

/** The program with the permissions of its first line. */
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
