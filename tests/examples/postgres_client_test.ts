/**
 * The client of the PostgreSQL example with servers that violate the protocol.
 * tests/interop/servers covers well-behaved servers.
 *
 * @module
 */
import { assertEquals, assertRejects } from "@std/assert";
import { frames, type FrameStream } from "../../lib/framing/mod.ts";
import { postgres, postgresStartup } from "../../lib/framing/presets.ts";
import {
  type SocketConnection,
  TransportError,
} from "../../lib/transport/mod.ts";
import { memoryPair } from "../../lib/testing/mod.ts";
import { PostgresClient } from "../../examples/postgres/client.ts";
import {
  AuthenticationError,
  PostgresError,
  ProtocolError,
} from "../../examples/postgres/errors.ts";
import {
  cString,
  int16,
  int32,
  message,
  sized,
} from "../../examples/postgres/messages.ts";

const OK = message("R", int32(0));
const READY = message("Z", Uint8Array.of(0x49));
const SASL = message("R", int32(10), cString("SCRAM-SHA-256"), cString(""));
const FATAL = message(
  "E",
  ...["VFATAL", "C57P01", "Mgoing down", ""].map(cString),
);

function saslContinue(text: string): Uint8Array {
  return message("R", int32(11), new TextEncoder().encode(text));
}

/** The actions of a server for each message that it receives. */
type Script = (Uint8Array | "close")[][];

/** Runs a client against a server that follows a script. */
async function against(
  script: Script,
  meet: (logIn: LogIn) => Promise<void>,
): Promise<void> {
  const [near, far] = memoryPair();
  const serving = play(far, [...script]);
  await meet((options = {}) =>
    PostgresClient.over(near, { user: "app", ...options })
  );
  near.close();
  await serving;
}

type LogIn = (
  options?: { password?: string; loginTimeout?: number },
) => Promise<PostgresClient>;

async function play(far: SocketConnection, script: Script): Promise<void> {
  const greeting = frames(far, postgresStartup());
  for await (const _ of greeting) {
    const { rest } = await greeting.detach();
    assertEquals(rest.length, 0);
  }
  await using stream = frames(far, postgres());
  if (!await act(stream, script.shift())) return;
  for await (const _ of stream) {
    if (!await act(stream, script.shift())) return;
  }
}

/** Performs one step; returns `false` if it was the last. */
async function act(
  stream: FrameStream,
  step: Script[number] = [],
): Promise<boolean> {
  for (const act of step) {
    if (act === "close") return false;
    try {
      await stream.send(act);
    } catch (error) {
      // The client may leave at the first of several messages.
      if (error instanceof TransportError) return false;
      throw error;
    }
  }
  return true;
}

function clientTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `PostgresClient ${name}`, permissions: "none", fn });
}

for (
  const [what, script, problem] of [
    ["accepts every client", [[OK, READY]], "did not prove"],
    [
      "only offers channel binding",
      [[message("R", int32(10), cString("SCRAM-SHA-256-PLUS"), cString(""))]],
      "offers SCRAM-SHA-256-PLUS",
    ],
    [
      "requests an MD5 hash",
      [[message("R", int32(5), int32(7))]],
      "an MD5 hash",
    ],
    [
      "requests Kerberos",
      [[message("R", int32(7))]],
      "authentication method 7",
    ],
    [
      "accepts the client without its own proof",
      [[SASL], [OK, READY]],
      "skipped a step",
    ],
    [
      "replies to another exchange",
      [[SASL], [saslContinue("r=abc,s=W22Z,i=4096")]],
      "another exchange",
    ],
    [
      "never terminates the list of mechanisms",
      [[message("R", int32(10), cString("SCRAM-SHA-256"))]],
      "fewer than its fields need",
    ],
    ["closes the connection", [["close"]], "closed the connection"],
    ["sends rows immediately", [[message("D", int16(0))]], 'received "D"'],
    ["sends an empty message", [[message("R")]], "fewer than its fields need"],
    ["uses another version", [[message("v", int32(0))]], "protocol 3.0"],
  ] satisfies [string, Script, string][]
) {
  clientTest(
    `does not log in to a server that ${what}`,
    () =>
      against(script, async (logIn) => {
        const error = await assertRejects(
          () => logIn({ password: "secret" }),
          Error,
          problem,
        );
        assertEquals(
          error instanceof AuthenticationError ||
            error instanceof ProtocolError,
          true,
          error.name,
        );
      }),
  );
}

clientTest(
  "rejects when the server sends nothing",
  () =>
    against([[]], async (logIn) => {
      await assertRejects(
        () => logIn({ loginTimeout: 1 }),
        Error,
        "within 1 ms",
      );
    }),
);

const COLUMN = message(
  "T",
  int16(1),
  cString("a"),
  ...[int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)],
);

for (
  const [what, answer, problem] of [
    [
      "more columns than described",
      [COLUMN, message("D", int16(2))],
      "columns",
    ],
    ["a row without a description", [message("D", int16(1))], "columns"],
    [
      "a value longer than its message",
      [COLUMN, message("D", int16(1), int32(100), Uint8Array.of(1))],
      "fewer than its fields need",
    ],
    [
      "a value of negative length",
      [COLUMN, message("D", int16(1), int32(-2))],
      "fewer than its fields need",
    ],
    ["an unterminated name", [message("T", int16(1), int16(65))], "fewer than"],
    ["a message of an unknown type", [message("?")], 'type "?"'],
    ["a login", [OK], 'type "R"'],
  ] satisfies [string, Uint8Array[], string][]
) {
  clientTest(
    `refuses ${what}, and closes`,
    () =>
      against([[OK, READY], answer], async (logIn) => {
        await using client = await logIn();
        await assertRejects(() => client.run("x"), ProtocolError, problem);
        await assertRejects(() => client.run("x"), Error, "closed");
      }),
  );
}

clientTest(
  "reports why the server closes the connection",
  () =>
    against([[OK, READY], [FATAL, "close"]], async (logIn) => {
      await using client = await logIn();
      const error = await assertRejects(() => client.run("x"), PostgresError);
      assertEquals([error.severity, error.code], ["FATAL", "57P01"]);
      await assertRejects(() => client.run("x"), Error);
    }),
);

clientTest("handles asynchronous messages itself", () =>
  against([[
    message("S", cString("TimeZone"), cString("UTC")),
    OK,
    message("K", int32(1), int32(2)),
    READY,
  ], [
    message("N", ...["Mjust so", ""].map(cString)),
    COLUMN,
    message("A", int32(1), cString("channel"), cString("payload")),
    message("D", int16(1), sized("1")),
    message("S", cString("TimeZone"), cString("CET")),
    message("C", cString("SELECT 1")),
    READY,
  ]], async (logIn) => {
    await using client = await logIn();
    assertEquals(client.parameters.get("TimeZone"), "UTC");
    assertEquals(await client.run("x"), [{
      columns: [{ name: "a", type: 25 }],
      rows: [["1"]],
      command: "SELECT 1",
    }]);
    assertEquals(client.parameters.get("TimeZone"), "CET");
  }));
