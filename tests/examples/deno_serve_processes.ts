/**
 * The server of `examples/deno_serve`, in threads and while its file changes.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type ClientSession,
  connect,
  createClient,
  SessionError,
} from "@lengthwise/lengthwise";
import { connectWebSocket } from "@lengthwise/lengthwise/transport";
import { Rooms } from "../../examples/deno_serve/rooms.ts";

const PROGRAM = "examples/deno_serve/server.ts";
const ROOMS = "examples/deno_serve/rooms.ts";

/** A running server, which ends with its scope. */
interface Running extends AsyncDisposable {
  readonly host: string;
}

async function start(program: string, ...flags: string[]): Promise<Running> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "serve",
      "--frozen",
      "--config=deno.json", // for a copy in another folder
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "--host=127.0.0.1",
      ...flags,
      program,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1", DENO_JOBS: "2" },
  }).spawn();
  const reader = process.stderr.pipeThrough(new TextDecoderStream())
    .getReader();
  let text = "";
  let host: string | undefined;
  while (host === undefined) {
    const { done, value } = await reader.read();
    assert(!done, text);
    text += value;
    host = /Listening on http:\/\/([\d.]+:\d+)\//.exec(text)?.[1];
  }
  // Otherwise, its output would fill the pipe.
  const rest = (async () => {
    while (!(await reader.read()).done);
  })();
  return {
    host,
    async [Symbol.asyncDispose]() {
      process.kill("SIGKILL");
      await process.status;
      await rest;
    },
  };
}

function open(
  host: string,
  headers: Record<string, string>,
  heard: (text: string) => void = () => {},
): Promise<ClientSession<typeof Rooms>> {
  const connection = () => connectWebSocket(`ws://${host}/`, { headers });
  return connection().then((one) =>
    connect(Rooms, one, {
      handlers: { heard: ({ user, text }) => heard(`${user}: ${text}`) },
    })
  );
}

Deno.test("deno serve --parallel: threads authenticate by header or cookie, and share a bus", async () => {
  await using server = await start(PROGRAM, "--parallel", "--port=0");
  const { host } = server;
  const cookie = { cookie: "a=b; id=secret-of-ben", origin: `http://${host}` };
  await using ben = await open(host, cookie);
  const { user, instance } = await ben.remote.whoAmI();
  assertEquals(user, "Ben");

  const unknown = { authorization: "Bearer guessed" };
  const refused = await assertRejects(() => open(host, unknown), SessionError);
  assertEquals(refused.code, "unauthenticated");
  const elsewhere = { ...cookie, origin: "http://evil.example" };
  await assertRejects(() => open(host, elsewhere));

  // Connects until the other thread has accepted a session.
  const heard = Promise.withResolvers<string>();
  const headers = { authorization: "Bearer secret-of-ada" };
  const sessions: ClientSession<typeof Rooms>[] = [];
  for (let other = instance; other === instance;) {
    assert(sessions.length < 200, "all sessions are in one thread");
    const session = await open(host, headers, heard.resolve);
    sessions.push(session);
    other = (await session.remote.whoAmI()).instance;
  }
  await ben.remote.say("hello");
  assertEquals(await heard.promise, "Ben: hello");
  for (const session of sessions) await session.close();
});

Deno.test("deno serve --watch: clients connect again when the file changes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lengthwise_" });
  try {
    const program = `${folder}/server.ts`;
    const text = (await Deno.readTextFile(PROGRAM))
      .replace("./rooms.ts", import.meta.resolve(`../../${ROOMS}`));
    await Deno.writeTextFile(program, text);
    // The server needs the same port after its restart.
    const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = free.addr;
    free.close();
    await using server = await start(program, "--watch", `--port=${port}`);
    const { host } = server;
    const headers = { authorization: "Bearer secret-of-ada" };
    await using client = createClient(Rooms, {
      name: host,
      connect: (signal) =>
        connectWebSocket(`ws://${host}/`, { headers, signal }),
    }, { handlers: { heard() {} }, reconnect: { minDelay: 10 } });
    assertEquals((await client.remote.whoAmI()).user, "Ada");
    const changed = text.replace('"Ada"', '"Eve"');
    assert(changed !== text);
    await Deno.writeTextFile(program, changed);
    let user = "Ada";
    for (let turn = 0; turn < 300 && user === "Ada"; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      user = (await client.remote.whoAmI().catch(() => ({ user }))).user;
    }
    assertEquals(user, "Eve");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
