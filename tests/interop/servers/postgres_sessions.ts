/**
 * Tests of sessions with a real PostgreSQL server.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type {
  ConnectOptions,
  PostgresClient,
} from "../../../examples/postgres/client.ts";
import { PostgresError } from "../../../examples/postgres/errors.ts";

const MEBIBYTE = 1024 * 1024;

/** Opens a session. */
export type LogIn = (
  options?: Partial<ConnectOptions>,
) => Promise<PostgresClient>;

/** Tests by name; each runs in its own session. */
export const SESSIONS: Record<
  string,
  (client: PostgresClient, logIn: LogIn) => Promise<void>
> = {
  async "query() returns rows of typed values"(client) {
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
  async "query() distinguishes NULL from the empty text"(client) {
    const { rows } = await client.query("select null, '', null::int");
    assertEquals(rows, [[null, "", null]]);
  },
  async "query() accepts parameters of every kind, and none as SQL"(client) {
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
  async "query() sends and receives a value of 3 MiB"(client) {
    const text = "0123456789abcdef".repeat(3 * MEBIBYTE / 16);
    const { rows } = await client.query("select $1::text, length($1)", [text]);
    assertEquals(rows[0]?.[1], text.length);
    assert(rows[0]?.[0] === text);
  },
  async "query() returns a row of 70,000 bytes, and 100,000 rows"(client) {
    const [big] = (await client.query("select repeat('x', 70000)")).rows;
    assert(big?.[0] === "x".repeat(70_000));
    const { rows, command } = await client.query(
      "select i, 'row ' || i from generate_series(1, 100000) i",
    );
    assertEquals(command, "SELECT 100000");
    assert(rows.every(([i, text], at) => i === at + 1 && text === `row ${i}`));
    assertEquals(rows.length, 100_000);
  },
  async "run() returns a result for each statement"(client) {
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
  async "query() and run() work after an error"(client) {
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
    assertEquals(halfway.code, "22012"); // division_by_zero, after 499 rows
    assertEquals((await client.run("select 2"))[0]?.rows, [[2]]);
  },
  async "concurrent queries wait for each other"(client) {
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
  async "COPY is refused in both directions, and the session continues"(
    client,
  ) {
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
  async "query() and run() refuse text that the protocol cannot carry"(
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
  async "a session that the server ends reports the reason"(client, logIn) {
    const [pid] = (await client.query("select pg_backend_pid()")).rows;
    await using other = await logIn();
    const waiting = assertRejects(
      () => client.query("select pg_sleep(60)"),
      PostgresError,
    );
    const end = `select pg_terminate_backend(pid) from pg_stat_activity
      where pid = $1 and wait_event = 'PgSleep'`;
    let ended = 0;
    for (let i = 0; i < 1000 && ended === 0; i++) { // it must be asleep first
      ended = (await other.query(end, [Number(pid?.[0])])).rows.length;
    }
    assertEquals(ended, 1);
    const error = await waiting;
    assertEquals([error.severity, error.code], ["FATAL", "57P01"]);
    await assertRejects(() => client.query("select 1"), Error);
  },
  async "a signal ends a slow query"(client, logIn) {
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
