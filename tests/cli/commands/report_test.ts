import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  Operations,
  operations,
} from "../../../lib/messages/operations/mod.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { connect as connectSession } from "../../../lib/messages/client/connect.ts";
import {
  notification,
} from "../../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../../lib/messages/protocol/protocol.ts";
import { connectTo, runCli } from "../kit.ts";
import { Gated } from "../../messages/gated.ts";
import { dial, turns } from "../../messages/kit.ts";
import { shop } from "../shop.ts";

function operated() {
  return createServer(Operations, {
    authenticate: (credentials) => ({ admin: credentials === "secret" }),
  }).handle(
    operations({ authorize: (auth: { admin: boolean }) => auth.admin }),
  );
}

const SECRET = ["--credentials", "env:TOKEN"];
const env = { TOKEN: '"secret"' };

Deno.test("report prints the figures of a server and its sessions", async () => {
  const connect = connectTo(operated());
  const { code, stdout } = await runCli(["report", "tcp://test:1", ...SECRET], {
    connect,
    env,
  });
  assertEquals(code, 0);
  const { time, server, sessions } = JSON.parse(stdout);
  assertEquals(new Date(time).toISOString(), time);
  assertEquals(server.stats.sessions.open, 1);
  assertEquals(sessions.total, 1);
  const terminal = await runCli(["report", "tcp://test:1", ...SECRET], {
    connect,
    env,
    isTTY: true,
    columns: 120,
  });
  assertStringIncludes(terminal.stdout, "sessions  1 open, 0 draining");
  assertStringIncludes(terminal.stdout, "memory:pair");
  assertStringIncludes(
    terminal.stdout,
    "ended     closed 1 (1 by the client)\n",
  );
  const [titles, ...methods] = terminal.stdout.split("\n\n")[1]!.split("\n");
  assertStringIncludes(titles!, "method");
  assertEquals(methods.map((line) => line.split(/ +/).slice(0, 5)), [
    ["operations.server", "1", "1", "0", "1"], // this one, and the one before
    ["operations.sessions", "1", "1", "0", "1"],
    ["operations.topics", "1", "1", "0", "1"],
  ]);
  for (const line of terminal.stdout.split("\n")) assert(line.length <= 120);
});

Deno.test("report --format pretty prints whole tables into a pipe", async () => {
  const controller = new AbortController();
  const { stdout } = await runCli(
    [
      ...["report", "tcp://test:1", "--watch", "1s", "--format", "pretty"],
      ...SECRET,
    ],
    {
      connect: connectTo(operated()),
      env,
      columns: 20,
      interrupted: controller.signal,
      wait: () => Promise.resolve(controller.abort()),
    },
  );
  assertStringIncludes(stdout, "heavy sessions get no calls and no credit");
  assert(!stdout.includes("…") && !stdout.includes("\x1b"), stdout);
});

Deno.test("report --watch prints again until it is interrupted", async () => {
  const controller = new AbortController();
  let waits = 0;
  const { code, stdout } = await runCli(
    ["report", "tcp://test:1", "--watch", "1s", ...SECRET],
    {
      connect: connectTo(operated()),
      env,
      interrupted: controller.signal,
      wait(ms) {
        assertEquals(ms, 1000);
        if (++waits === 3) controller.abort();
        return Promise.resolve();
      },
    },
  );
  assertEquals(stdout.trimEnd().split("\n").length, 3);
  assert(code === 0 || code === 130, `${code}`);
});

Deno.test("report without authorization is forbidden, and prints no names", async () => {
  const server = operated();
  const { code, stdout, stderr } = await runCli(["report", "tcp://test:1"], {
    connect: connectTo(server),
  });
  assert(code > 64, `${code}`);
  assertEquals(stdout, "");
  assertStringIncludes(stderr, "forbidden");
  assert(!stderr.includes(server.instance), stderr);
});

Deno.test("report says that a server does not report its figures", async () => {
  const { server } = shop();
  const silent = await runCli(["report", "tcp://test:1"], {
    connect: connectTo(server),
  });
  assertEquals(silent.code, 4);
  assertStringIncludes(silent.stderr, "does not report its figures");
  const wrong = await runCli(["report", "tcp://test:1", "--sort", "name"]);
  assertEquals(wrong.code, 2);
});

const Feed = mergeProtocols(
  protocol({ name: "feed", client: { news: notification<string>() } }),
  Operations,
);

/** A server with topics, whose only subscriber takes nothing. */
async function feed(names: readonly string[]) {
  const server = createServer(Feed, { principal: () => "<b>\u001b[1m" })
    .handle(operations({ authorize: () => true }));
  const gate = new Gated(dial(server));
  const session = await connectSession(Feed, gate, {
    handlers: { news() {} },
  });
  const [served] = server.sessions;
  assert(served);
  gate.shut();
  for (const name of names) {
    const topic = server.topic(name);
    topic.subscribe(served, { maxQueued: 1 });
    for (let count = 0; count < 20; count++) {
      topic.publish.news("x".repeat(50_000));
      await turns(); // the connection takes what it has room for
    }
  }
  server.broadcast.news("all");
  const { id } = session;
  return {
    server,
    id,
    async [Symbol.asyncDispose]() {
      gate.open();
      await session.close();
      await server.shutdown();
    },
  };
}

Deno.test("report shows topics, their drops and slowest subscribers", async () => {
  const hostile = "</td><script>\u001b]0;x\u0007";
  await using fed = await feed(["prices", hostile, "other"]);
  const given = { connect: connectTo(fed.server) };
  const args = ["report", "tcp://test:1"];
  const { stdout } = await runCli(args, given);
  const { topics } = JSON.parse(stdout);
  assertEquals([topics.total, topics.rows.length], [3, 3]);
  const { name, subscribers, published, queued, slowest } = topics.rows.at(0);
  assertEquals([subscribers, published, queued, slowest], [1, 20, 1, fed.id]);
  assert(["prices", hostile, "other"].includes(name));
  assert(topics.rows.every((row: { dropped: number }) => row.dropped > 0));

  const pretty = await runCli([
    ...[...args, "--format", "pretty", "--top", "2", "--report", "page.html"],
    ...["--sort-topics", "dropped"],
  ], given);
  const tables = pretty.stdout.split("\n\n");
  assertStringIncludes(tables[0]!, "broadcast  1 published, ");
  assertStringIncludes(tables[2]!, "topic ");
  assertStringIncludes(tables[2]!, ` memory:pair `);
  assertStringIncludes(tables[2]!, `  ${fed.id}`);
  assertEquals(tables[2]!.split("\n").length, 3);
  assertEquals(tables[3], "1 more");
  assertStringIncludes(pretty.stdout, "\\u{1b}");
  assert(!pretty.stdout.includes("\u001b"));

  const html = new TextDecoder().decode(pretty.files["page.html"]);
  assertStringIncludes(html, "<title>Figures of tcp://test:1</title>");
  for (const title of ["Methods", "Topics", "Sessions"]) {
    assertStringIncludes(html, `<h2>${title}</h2>`);
  }
  assertStringIncludes(html, `<td>${fed.id}</td>`);
  assertStringIncludes(html, "<tr><td>health</td><td>serving</td></tr>");
  assertStringIncludes(html, '<p class="sub">1 more</p>');
  assertStringIncludes(html, "&#60;script&#62;");
  assert(!html.includes("<script") && !html.includes("<b>"));
  assert(!html.includes("\u001b"));
});

Deno.test("report prints no topics of a server that has none, or is an earlier one", async () => {
  const none = await runCli(["report", "tcp://test:1", "--format", "pretty"], {
    connect: connectTo(
      createServer(Operations).handle(
        operations({ authorize: () => true }),
      ),
    ),
  });
  assert(!none.stdout.includes("topic "), none.stdout);
  const { server, sessions } = Operations.server.operations;
  const Earlier = protocol({
    name: "operations",
    server: { operations: { server, sessions } },
  });
  const { operations: { topics: _, ...handlers } } = operations({
    authorize: () => true,
  });
  const connect = connectTo(
    createServer(Earlier).handle({ operations: handlers }),
  );
  const { code, stdout } = await runCli(["report", "tcp://test:1"], {
    connect,
  });
  assertEquals(code, 0);
  assertEquals(Object.keys(JSON.parse(stdout)), ["time", "server", "sessions"]);
});

Deno.test("report --watch --report writes the last figures, once", async () => {
  const controller = new AbortController();
  const { code, files } = await runCli([
    ...["report", "tcp://test:1", "--watch", "1s", "--report", "page.html"],
    ...SECRET,
  ], {
    connect: connectTo(operated()),
    env,
    interrupted: controller.signal,
    wait: () => Promise.resolve(controller.abort()),
  });
  assertEquals(code, 130); // as without the page
  const html = new TextDecoder().decode(files["page.html"]);
  assertEquals(html.split("<!doctype html>").length, 2);
  const refused = await runCli([
    ...["report", "tcp://test:1", "--report", "page.html", ...SECRET],
  ], { connect: connectTo(operated()), env, refusesFiles: true });
  assertEquals([refused.code, refused.stdout], [2, ""]);
});

Deno.test("report --by adds up the sessions of a principal or address", async () => {
  const server = createServer(Operations, {
    authenticate: (name) => String(name),
    principal: (name) => name,
  }).handle(operations({ authorize: () => true }));
  const connect = connectTo(server);
  const names = ["a\u001b[31m", "b", "b"];
  const sessions = await Promise.all(
    names.map((credentials) =>
      connectSession(Operations, dial(server), { credentials })
    ),
  );
  const args = ["report", "tcp://test:1", "--by", "principal"];
  const byPrincipal = ["--credentials", "env:NAME", "--sort", "calls"];
  const options = { connect, env: { NAME: '"b"' } };
  const { stdout, code } = await runCli([...args, ...byPrincipal], options);
  assertEquals(code, 0);
  const { groups, sessions: none } = JSON.parse(stdout);
  assertEquals(none, undefined);
  assertEquals(
    groups.map((group: { name: string; sessions: number }) => [
      ...[group.name, group.sessions],
    ]),
    [["b", 3], [names[0], 1]], // with the session of report itself
  );
  const { stdout: table } = await runCli(
    [...args, ...byPrincipal, "--top", "1", "--format", "pretty"],
    options,
  );
  assertStringIncludes(table, "group  sessions");
  assertStringIncludes(table, "1 more");
  const all = await runCli(
    [...args, ...byPrincipal, "--format", "pretty"],
    options,
  );
  assertStringIncludes(all.stdout, "a\\u{1b}[31m");
  assert(!all.stdout.includes("\u001b"));
  const byAddress = await runCli([
    ...["report", "tcp://test:1", "--by", "address", "--credentials"],
    ...["env:NAME"],
  ], options);
  assertEquals(JSON.parse(byAddress.stdout).groups.length, 1);
  // A group with one session has the figures of that session.
  await sessions[0]!.remote.operations.server();
  const read = async (...flags: string[]) => {
    const { stdout } = await runCli([
      ...["report", "tcp://test:1", "--credentials", "env:NAME", ...flags],
    ], options);
    return JSON.parse(stdout);
  };
  type Figures = Record<string, number | string>;
  const rows: Figures[] = (await read()).sessions.rows;
  const row = rows.find(({ principal }) => principal === names[0])!;
  const grouped: Figures[] = (await read("--by", "principal")).groups;
  const group = grouped.find(({ name }) => name === names[0])!;
  const { name: _, sessions: count, roundTrip: __, age: ___, ...sums } = group;
  assertEquals(count, 1);
  for (const [figure, sum] of Object.entries(sums)) {
    assertEquals(sum, Number(row[figure]), figure);
  }
  assertEquals(sums["handled"], 1);
  const wrong = await runCli(["report", "tcp://test:1", "--by", "name"]);
  assertEquals(wrong.code, 2);
  await Promise.all(sessions.map((session) => session.close()));
});
