/**
 * The client of the MySQL example against MariaDB.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { MysqlClient, MysqlError } from "../../../examples/mysql/client.ts";
import { ROLE, startMariadb } from "./mariadb_server.ts";
import { output } from "./programs.ts";

/** Most data bytes of a packet; a full packet is followed by another one. */
const FULL = 2 ** 24 - 1;

Deno.test("the MySQL example queries MariaDB", async (t) => {
  await using server = await startMariadb();
  const login = { hostname: "127.0.0.1", port: server.port, ...ROLE };

  await t.step("query() returns text and NULL", async () => {
    await using client = await MysqlClient.connect(login);
    assertEquals(
      await client.query(
        "select 6 * 7 as answer, null, 'Grüße 🙂' as greeting",
      ),
      {
        columns: ["answer", "NULL", "greeting"],
        rows: [["42", null, "Grüße 🙂"]],
      },
    );
    assertEquals(await client.query("do 1"), { columns: [], rows: [] });
  });

  await t.step("query() receives rows of several packets", async () => {
    await using client = await MysqlClient.connect(login);
    // The length of a value has 4 bytes, or 9 if the value has 16 MiB or more.
    for (const length of [FULL - 5, FULL - 4, FULL - 3, 2 * FULL - 9]) {
      const { rows } = await client.query(`select repeat('x', ${length})`);
      assertEquals(rows.length, 1);
      assertEquals(rows[0]?.[0] === "x".repeat(length), true, `${length}`);
    }
  });

  await t.step("query() sends a statement of several packets", async () => {
    await using client = await MysqlClient.connect(login);
    for (const rest of [-1, 0, FULL]) {
      const sql = "select length('')";
      const fill = "x".repeat(FULL - 1 + rest - sql.length); // 1: the command
      const { rows } = await client.query(`select length('${fill}')`);
      assertEquals(rows, [[`${fill.length}`]]);
    }
  });

  await t.step("query() throws the server's error, then goes on", async () => {
    await using client = await MysqlClient.connect(login);
    const error = await assertRejects(
      () => client.query("selec 1"),
      MysqlError,
      "42000: You have an error",
    );
    assertEquals(error.code, 1064);
    assertEquals((await client.query("select 1")).rows, [["1"]]);
  });

  await t.step(
    "query() can be called before others have returned",
    async () => {
      await using client = await MysqlClient.connect(login);
      const [one, two, three] = await Promise.allSettled(
        ["select 1 as a, 2 as b", "selec 1", "select 'x'"].map((sql) =>
          client.query(sql)
        ),
      );
      assertEquals([one, two?.status, three], [
        {
          status: "fulfilled",
          value: { columns: ["a", "b"], rows: [["1", "2"]] },
        },
        "rejected",
        { status: "fulfilled", value: { columns: ["x"], rows: [["x"]] } },
      ]);
    },
  );

  await t.step("connect() rejects a wrong password", async () => {
    const error = await assertRejects(
      () => MysqlClient.connect({ ...login, password: "wrong" }),
      MysqlError,
      "Access denied",
    );
    assertEquals(error.code, 1045);
  });

  await t.step("main.ts prints the rows", async () => {
    const { code, stdout, stderr } = await output(Deno.execPath(), [
      ...["run", "--frozen", "--no-prompt", "--allow-net=127.0.0.1"],
      ...["examples/mysql/main.ts", `${server.port}`, ROLE.user, ROLE.password],
      "select 1 as a, 'x' as b",
    ]);
    assertEquals({ code, stdout, stderr }, {
      code: 0,
      stdout: "a\tb\n1\tx\n",
      stderr: "",
    });
  });
});
