/**
 * The number of library files that a call passes through.
 *
 * A stack shows the files that call each other; helpers that have returned
 * before it is captured are not on it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { WriteBuffer } from "../../lib/framing/stream/write_buffer.ts";
import { connect } from "../../lib/messages/client/connect.ts";
import { unary } from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../lib/messages/server/server.ts";
import { dial } from "./kit.ts";

const P = protocol({
  name: "p",
  server: { echo: unary<string, string>() },
});

/** Returns the library's files on a stack, innermost first, each once. */
function filesOn(stack = ""): string[] {
  const calls = stack.split("\n").filter((line) => !line.includes("at async "));
  const files = calls.flatMap((line) => line.match(/\/lib\/[^:]+/) ?? []);
  return [...new Set(files.map((file) => file.slice("/lib/".length)))];
}

/** The files on the stacks of one unary call. */
interface CallPath {
  /** Stacks where a frame is begun: REQUEST, then RESULT. */
  readonly begun: string[][];
  /** Stack where the handler is entered. */
  readonly entered: string[];
}

/** Makes a call and captures its stacks. */
async function capture(): Promise<CallPath> {
  const begun: string[][] = [];
  let entered: string[] = [];
  const server = createServer(P).handle({
    echo(text) {
      entered = filesOn(new Error().stack);
      return text;
    },
  });
  const session = await connect(P, dial(server));
  const { stackTraceLimit } = Error;
  const { begin } = WriteBuffer.prototype;
  Error.stackTraceLimit = Infinity;
  WriteBuffer.prototype.begin = function (room) {
    // This function replaces the one of write_buffer.ts.
    begun.push([
      "framing/stream/write_buffer.ts",
      ...filesOn(new Error().stack),
    ]);
    return begin.call(this, room);
  };
  try {
    await session.remote.echo("hello");
  } finally {
    WriteBuffer.prototype.begin = begin;
    Error.stackTraceLimit = stackTraceLimit;
  }
  await session.close();
  await server.shutdown();
  return { begun, entered };
}

Deno.test(
  "a call passes through few files on its way to a frame, to a handler and back",
  { permissions: "none" },
  async () => {
    const { begun, entered } = await capture();
    const [request, result] = begun;
    assertEquals(begun.length, 2);
    assert(request && result);
    assertEquals(request.at(-1), "messages/calls/remote.ts");
    assertEquals(entered[0], "messages/handlers/handling.ts");
    assertEquals(entered.at(-1), "framing/stream/pump.ts");
    const handled = new Set([...entered, ...result]);
    assert(request.length <= 6, `REQUEST: ${request}`);
    assert(entered.length <= 8, `handler: ${entered}`);
    assert(handled.size <= 12, `to the handler and back: ${[...handled]}`);
  },
);
