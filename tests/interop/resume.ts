/**
 * Sessions that outlive their connections, and drains, between the library and
 * the peer in Python.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import {
  CallError,
  clientStream,
  createClient,
  notification,
  protocol,
  serve,
  serverStream,
  type SessionError,
  unary,
} from "@lengthwise/lengthwise";
import { inTime } from "./peers.ts";
import {
  runTheirClient,
  runTheirServer,
  type Start,
  starter,
} from "./python_programs.ts";

const Trip = protocol({
  name: "trip",
  client: { answer: unary<number, number>() },
  server: {
    add: unary<number, number>(),
    ask: unary<number, number>(),
    count: serverStream<number, number>(),
    cut: unary<void, string>(),
    drain: unary<"drain" | "age", void>(),
    forget: unary<void, void>(),
    hold: unary<void, void>(),
    look: unary<void, string[]>(),
    note: notification<number>(),
    total: clientStream<number, number>(),
  },
});

/** Runs both halves; returns whether all scenarios have passed. */
export async function testResume(
  python: string,
  folder: URL,
): Promise<boolean> {
  const start = starter(python, folder);
  console.log("── resumption and drains: client in Python");
  const theirs = await theirClient(start);
  console.log("── resumption and drains: server in Python");
  const ours = await ourClient(start);
  return theirs && ours;
}

async function theirClient(start: Start): Promise<boolean> {
  const logs = new WeakMap<object, string[]>();
  const noted = Promise.withResolvers<void>();
  const options = {
    resume: { grace: 5_000, perPrincipal: 16 },
    onListen() {},
    onError() {},
  };
  await using server = await serve(Trip, { port: 0 }, {
    ...options,
    onSession: (session) => void logs.set(session, []),
  }).handle({
    add(number, { session }) {
      logs.get(session)?.push(`add ${number}`);
      return number;
    },
    ask: (number, { remote }) => remote.answer(number),
    async *count(n) {
      for (let number = 0; number < n; number++) yield number;
    },
    async cut(_, { session }) {
      logs.get(session)?.push("cut");
      await noted.promise;
      return "cut";
    },
    drain(code, { session }) {
      void session.drain({ code, retryAfter: 30, spread: 20 });
    },
    forget() {},
    hold: (_, { signal }) =>
      new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve())
      ),
    look: (_, { session }) => logs.get(session) ?? [],
    note(number, { session }) {
      logs.get(session)?.push(`note ${number}`);
      if (number < 0) noted.resolve();
    },
    async total(numbers) {
      let sum = 0;
      for await (const number of numbers) sum += number;
      return sum;
    },
  });
  return await runTheirClient(start, "resume_client.py", `${server.addr.port}`);
}

function ourClient(start: Start): Promise<boolean> {
  return runTheirServer(
    start,
    "resume_server.py",
    SCENARIOS,
    (run, [relay = 0, direct = 0]) => inTime(run({ relay, direct })),
  );
}

function newClient(port: number) {
  return createClient(Trip, { port }, {
    handlers: { answer: (number) => number * 2 },
    reconnect: { minDelay: 5, maxDelay: 20, spread: 0 },
  });
}

const numbers = (n: number) => Array.from({ length: n }, (_, number) => number);
const sum = (list: number[]) => list.reduce((sum, number) => sum + number, 0);

async function failure(promise: PromiseLike<unknown>): Promise<CallError> {
  const error = await Promise.resolve(promise).catch((error) => error);
  assert(error instanceof CallError, `${error}`);
  return error;
}

interface Ports {
  /** Port of a relay that cuts its first connections. */
  readonly relay: number;
  readonly direct: number;
}

const SCENARIOS: Record<string, (ports: Ports) => Promise<void>> = {
  async "nothing is lost or doubled"({ relay }) {
    await using client = newClient(relay);
    const { remote } = client;
    await using upload = remote.total();
    const writeAll = async () => {
      for (const number of numbers(60)) await upload.send(number);
      await upload.end();
      return await upload.result;
    };
    const addAll = async () => {
      await Promise.all(numbers(40).map((number) => remote.add(number)));
      for (const number of numbers(20)) {
        await remote.add(40 + number);
        await remote.note(40 + number);
      }
    };
    const askAll = async () => {
      const answers = [];
      for (const number of numbers(15)) answers.push(await remote.ask(number));
      return answers;
    };
    const [counted, total, answers] = await Promise.all([
      Array.fromAsync(remote.count(60)),
      writeAll(),
      askAll(),
      addAll(),
    ]);
    assertEquals(counted, numbers(60));
    assertEquals(total, sum(numbers(60)));
    assertEquals(answers, numbers(15).map((number) => number * 2));
    const log: string[] = [];
    do log.push(...await remote.look()); while (log.at(-1) !== "0 cuts left");
    assertEquals(
      log.filter((line) => line.startsWith("add")).toSorted(),
      numbers(60).map((number) => `add ${number}`).toSorted(),
    );
    assertEquals(
      log.filter((line) => line.startsWith("note")),
      numbers(20).map((number) => `note ${40 + number}`),
    );
  },
  async "a call goes on when its reply was lost"({ direct }) {
    await using client = newClient(direct);
    await client.ready();
    const { id, instance } = client.session!; // it is ready
    assert(/^[0-9a-f]{32}$/.test(id), id);
    assertEquals(await client.remote.cut(), "cut");
    assertEquals((await client.remote.look()).slice(0, -1), ["cut"]);
    assertEquals(client.session?.id, id); // it was resumed
    await using other = newClient(direct);
    await other.ready();
    assertEquals(other.session?.instance, instance);
    assert(other.session?.id !== id, "two sessions have one id");
  },
  async "an unknown token gets a new session"({ direct }) {
    await using client = newClient(direct);
    const held = failure(client.remote.hold());
    const forgotten = failure(client.remote.forget());
    for (const error of [await held, await forgotten]) {
      assertEquals([error.code, error.processed], ["disconnected", "maybe"]);
    }
    assertEquals((await client.remote.look()).slice(0, -1), ["forget"]);
  },
  async "a drained client connects again when it may"({ direct }) {
    for (const code of ["drain", "age"] as const) {
      await using client = newClient(direct);
      await client.ready();
      const events = client.events();
      await client.remote.drain(code);
      let drained: SessionError | undefined;
      let at = 0;
      for await (const { kind, cause } of events) {
        if (kind === "draining") {
          drained = cause as SessionError; // the cause of this event
          at = performance.now();
        }
        if (kind === "connecting") break;
      }
      assertEquals(
        [drained?.code, drained?.retryAfter, drained?.spread],
        [code, 50, 20],
      );
      assert(performance.now() - at >= 45, "it connected too early");
      assertEquals(await client.remote.add(1), 1);
    }
  },
};
