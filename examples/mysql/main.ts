#!/usr/bin/env -S deno run --allow-net=127.0.0.1
/**
 * Runs a statement on a MySQL server and prints the rows.
 *
 * ```sh
 * examples/mysql/main.ts 3306 app secret 'select version()'
 * ```
 *
 * @module
 */
import { MysqlClient } from "./client.ts";

const [port, user, password = "", sql = "select version()"] = Deno.args;
if (port === undefined || user === undefined) {
  throw new Error("Usage: main.ts <port> <user> [<password> [<sql>]]");
}
await using client = await MysqlClient.connect({
  ...{ hostname: "127.0.0.1", port: Number(port), user, password },
});
const { columns, rows } = await client.query(sql);
console.log(columns.join("\t"));
for (const row of rows) console.log(row.join("\t"));
