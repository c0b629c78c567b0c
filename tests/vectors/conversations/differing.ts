/** Conversations between ends that know different methods, both of them subjects. */
import { error, field, int, type Method, request, result } from "./bytes.ts";
import { CallScript } from "./call_script.ts";
import { type Conversation, CREATE, Script, SERVER } from "./script.ts";

const ONE = int(1), TWO = int(2);
const FAILS = { code: "unimplemented", processed: "no", retry: "never" };

/** The client's own list: add as a stream, gone, log, orders.create with a different hash. */
const LISTED: readonly Method[] = [
  ["add", 2, 0],
  ["gone", 0, 0],
  ["log", 1, 0],
  ["orders.create", 0, 5],
];
const SHAPE = "000001", MISSING = "000100", SCHEMA = "000302";

/** Writes calls that fail immediately, and one that is handled. */
function tries(script: Script): Script {
  for (const method of ["add", "gone"]) {
    script
      .do("client", "call", { call: 1, method, value: ONE })
      .sees("client", "failed", { call: 1, ...FAILS });
  }
  return script
    .called(1, "orders.create", request(1, 3, ONE), { value: ONE })
    .do("server", "respond", { call: 1, value: TWO })
    .server("RESULT 1", result(1, TWO))
    .sees("client", "result", { call: 1, value: TWO });
}

function opened(script: Script, about: string, entries: string[]): Script {
  return script.greeted()
    .do("server", "accept")
    .server(`HELLO: ${about}`, script.hello("server", { entries }))
    .sees("server", "opened")
    .sees("client", "opened");
}

function told(): Script {
  const script = new Script(
    "a client learns what the server does not serve as listed",
    "MISMATCHES: shape, missing, schema. The first two fail without a REQUEST.",
    { knows: { client: { calls: LISTED, hash: 7 } } },
  );
  return tries(opened(script, "MISMATCHES", [
    field(0x05, SHAPE + MISSING + SCHEMA),
  ]));
}

function sameHash(): Script {
  const script = new Script(
    "methods are compared even if the protocol hashes are equal",
    "Hashes are only claims; the lists count.",
    { knows: { client: { calls: LISTED } } },
  );
  return tries(opened(script, "MISMATCHES", [
    field(0x05, SHAPE + MISSING + SCHEMA),
  ]));
}

function ofTheServersCalls(): Script {
  const script = new Script(
    "MISMATCHES does not cover the methods that the server calls",
    "Only the client can compare these. The hashes of ask differ, and the call is handled.",
    {
      knows: {
        client: { hash: 7, serves: [["ask", 0, 5]] },
        server: { calls: [["ask", 0, 0x01020304]] },
      },
    },
  ).opened();
  return script
    .called(2, "ask", request(2, 0, ONE), { value: ONE })
    .do("client", "respond", { call: 2, value: TWO })
    .client("RESULT 2", result(2, TWO))
    .sees("server", "result", { call: 2, value: TWO });
}

function numbers(): Script {
  const calls: readonly Method[] = [["orders.create", 0, 0], ["add", 0, 0]];
  const script = new Script(
    "method numbers refer to the list of each end",
    "Two methods of the client, in a different order than the server's, and one of the server.",
    { knows: { client: { calls }, server: { calls: [["ask", 0, 0]] } } },
  ).opened();
  return script
    .called(1, "orders.create", request(1, 0, ONE), { value: ONE })
    .called(3, "add", request(3, 1, TWO), { value: TWO })
    .called(2, "ask", request(2, 0, ONE), { value: ONE });
}

function early(): Script {
  const fails = { code: "unimplemented", processed: "no" } as const;
  const script = new Script(
    "an early call of a method that is not served is refused",
    "The client could not know this; the ERROR follows the HELLO that reports it.",
    { knows: { client: { calls: LISTED } } },
  ).greeted()
    .do("client", "call", { call: 1, method: "gone", value: ONE })
    .client("REQUEST 1: gone, early", request(1, 1, ONE))
    .do("server", "accept");
  return script
    .server(
      "HELLO: MISMATCHES",
      script.hello("server", {
        entries: [field(0x05, SHAPE + MISSING + SCHEMA)],
      }),
    )
    .sees("server", "opened")
    .sees("client", "opened")
    .server("ERROR 1", error(1, fails)).crosses()
    .sees("client", "failed", { call: 1, ...fails, retry: "never" });
}

function noLists(): Script {
  const script = new Script(
    "an end may have nothing to call",
    "The server's list is empty, and so is its entry METHODS.",
    { knows: { server: { calls: [] }, client: { serves: [] } } },
  ).opened();
  new CallScript(script, "client", "unary").opens(ONE).responds(TWO);
  return script;
}

function otherHash(): Script {
  const script = new Script(
    "protocol hashes may differ although no listed method does",
    "The server may serve methods that the client does not know. MISMATCHES is left out.",
    { knows: { client: { calls: SERVER, hash: 7 } } },
  ).opened();
  return script.called(1, "orders.create", request(1, CREATE, ONE), {
    value: ONE,
  });
}

/** All of them, in the order of PROTOCOL.md. */
export const DIFFERING: readonly Conversation[] = [
  told(),
  sameHash(),
  ofTheServersCalls(),
  otherHash(),
  numbers(),
  early(),
  noLists(),
].map((script) => script.conversation);
