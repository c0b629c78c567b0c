/**
 * Text of a server that would act on a terminal, in every place that a command
 * prints.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { CallError } from "../../lib/messages/errors/call_error.ts";
import {
  introspect,
  Introspection,
} from "../../lib/messages/introspection/introspection_service.ts";
import {
  serverStream,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import {
  mergeProtocols,
  protocol,
} from "../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../lib/messages/server/server.ts";
import { connectTo, runCli } from "./kit.ts";

/** Sets a title, changes colors, reverses text, and breaks a line. */
const EVIL = "\x1b]0;title\x07\x1b[31m\x9b31m\u202ereversed\u2028line";

// deno-lint-ignore no-control-regex -- the characters that must not be printed
const ACTIVE = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028]/;

const Hostile = protocol({
  name: "hostile",
  server: {
    say: unary<unknown, unknown>({ description: EVIL }),
    talk: serverStream<void, unknown>({ description: EVIL }),
    fail: unary<void, void>(),
    leave: unary<void, void>(),
  },
});

function hostile(refuses = false) {
  return createServer(mergeProtocols(Hostile, Introspection), {
    onError: () => {},
    authenticate() {
      if (refuses) throw new CallError(EVIL, { code: "unauthenticated" });
    },
  }).handle({
    ...introspect(mergeProtocols(Hostile, Introspection)),
    say: () => ({ [EVIL]: EVIL }),
    async *talk() {
      yield EVIL;
      yield { [EVIL]: [EVIL] };
      throw new CallError(EVIL, { code: "unavailable" });
    },
    fail() {
      throw new CallError(EVIL, { code: "invalid", data: { [EVIL]: EVIL } });
    },
    leave(_, { session }) {
      session.close(EVIL);
    },
  });
}

const URL = "tcp://test:1";
const COMMANDS: readonly (readonly string[])[] = [
  ["ls", URL],
  ["ls", URL, "say"],
  ["ls", URL, "--ts"],
  ["ls", URL, "--json"],
  ["call", URL, "say", "1"],
  ["call", URL, "say", "1", "--format", "hex"],
  ["call", URL, "talk"],
  ["call", URL, "fail"],
  ["call", URL, "leave"],
  ["subscribe", URL, "talk"],
  ["bench", URL, "fail", "--rate", "100", "--duration", "50ms"],
  ["health", URL],
  ["report", URL],
  ["diff", URL, "shop.ts"],
];

for (const isTTY of [false, true]) {
  for (const refuses of [false, true]) {
    const title = `${isTTY ? "a terminal" : "a pipe"}${
      refuses ? ", as the reason of a refusal" : ""
    }`;
    Deno.test(`text of a peer is escaped in all commands: ${title}`, async () => {
      for (const args of COMMANDS) {
        const { stdout, stderr } = await runCli(args, {
          connect: connectTo(hostile(refuses)),
          modules: { "shop.ts": { Hostile } },
          isTTY,
          columns: 60,
        });
        // The progress bar of this program clears its line.
        const own = stderr.replaceAll("\r", "").replaceAll("\x1b[K", "");
        for (const text of [stdout, own]) {
          const found = ACTIVE.exec(text);
          assertEquals(found, null, `${args.join(" ")}: ${Deno.inspect(text)}`);
        }
        const shows = ["say", "talk", "fail"].includes(args[2] ?? "") &&
            ["call", "subscribe"].includes(args[0] ?? "") || refuses;
        if (!shows || args.includes("hex")) continue;
        assert(`${stdout}${stderr}`.includes("title"), args.join(" "));
      }
    });
  }
}

Deno.test("--format raw prints text of a peer as it is", async () => {
  const raw = ["call", URL, "talk", "--format", "raw", "--first"];
  const { stdout } = await runCli(raw, { connect: connectTo(hostile()) });
  assertEquals(stdout, `${EVIL}\n`);
  assert(ACTIVE.test(stdout));
});
