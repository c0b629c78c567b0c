/** Conversations between ends that know other methods, with the library at both. */
import {
  described,
  error,
  field,
  int,
  type Method,
  request,
  result,
} from "./bytes.ts";
import { CallScript } from "./call_script.ts";
import {
  CLIENT,
  type Conversation,
  CREATE,
  SCHEMAS,
  Script,
  SERVER,
} from "./script.ts";

const ONE = int(1), TWO = int(2);
const FAILS = { code: "unimplemented", processed: "no", retry: "never" };

/** The dialler's own list: add as a stream, gone, log, and orders.create with another hash. */
const LISTED: readonly Method[] = [
  ["add", 2, 0],
  ["gone", 0, 0],
  ["log", 1, 0],
  ["orders.create", 0, 5],
];
const SHAPE = "000001", MISSING = "000100", SCHEMA = "000302";

/** The dialler hears at once what would be refused; the rest is handled. */
function tries(script: Script): Script {
  for (const method of ["add", "gone"]) {
    script
      .do("dialler", "call", { call: 1, method, value: ONE })
      .sees("dialler", "failed", { call: 1, ...FAILS });
  }
  return script
    .called(1, "orders.create", request(1, 3, ONE), { value: ONE })
    .do("listener", "respond", { call: 1, value: TWO })
    .l("RESULT 1", result(1, TWO))
    .sees("dialler", "result", { call: 1, value: TWO });
}

function opened(script: Script, about: string, entries: string[]): Script {
  return script.greeted()
    .do("listener", "accept")
    .l(`HELLO: ${about}`, script.hello("listener", { entries }))
    .sees("listener", "opened")
    .sees("dialler", "opened");
}

function told(): Script {
  const script = new Script(
    "a dialler is told what the listener does not serve as listed, and what it serves instead",
    "MISMATCHES: shape, missing, schema. SCHEMAS, as the protocol hashes differ. The first two fail without a REQUEST.",
    { knows: { dialler: { calls: LISTED, hash: 7 } } },
  );
  const texts = described(0, [0, 0], "") +
    described(0, [3, 0], SCHEMAS["orders.create"] ?? "");
  return tries(opened(script, "MISMATCHES and SCHEMAS", [
    field(0x05, SHAPE + MISSING + SCHEMA),
    field(0x06, texts),
  ]));
}

function sameHash(): Script {
  const script = new Script(
    "SCHEMAS is left out where the protocol hashes agree",
    "MISMATCHES is not: hashes are claims, the lists count.",
    { knows: { dialler: { calls: LISTED } } },
  );
  return tries(opened(script, "MISMATCHES", [
    field(0x05, SHAPE + MISSING + SCHEMA),
  ]));
}

function secret(): Script {
  const script = new Script(
    "a listener may keep its schemas to itself",
    "MISMATCHES without SCHEMAS, although the protocol hashes differ.",
    {
      knows: {
        dialler: { calls: LISTED, hash: 7 },
        listener: { secret: true },
      },
    },
  );
  return tries(opened(script, "MISMATCHES", [
    field(0x05, SHAPE + MISSING + SCHEMA),
  ]));
}

function ofTheListenersCalls(): Script {
  const calls: readonly Method[] = [["ask", 0, 0x01020304], ["tail", 2, 0]];
  const script = new Script(
    "SCHEMAS describes what the listener calls, where its hash is known",
    "Caller 1, the number in the listener's own list. Of tail, whose hash is 0, there is nothing to tell; no text is known of ask.",
    {
      knows: {
        dialler: { hash: 7, serves: CLIENT },
        listener: { calls },
      },
    },
  );
  opened(script, "SCHEMAS of ask", [field(0x06, described(1, [0, 0], ""))]);
  return script
    .called(2, "ask", request(2, 0, ONE), { value: ONE })
    .do("dialler", "respond", { call: 2, value: TWO })
    .d("RESULT 2", result(2, TWO))
    .sees("listener", "result", { call: 2, value: TWO });
}

function numbers(): Script {
  const calls: readonly Method[] = [["orders.create", 0, 0], ["add", 0, 0]];
  const script = new Script(
    "each end numbers the methods of its own list",
    "Two methods, in another order than the listener has them, and one of the listener's.",
    { knows: { dialler: { calls }, listener: { calls: [["ask", 0, 0]] } } },
  ).opened();
  return script
    .called(1, "orders.create", request(1, 0, ONE), { value: ONE })
    .called(3, "add", request(3, 1, TWO), { value: TWO })
    .called(2, "ask", request(2, 0, ONE), { value: ONE });
}

function early(): Script {
  const fails = { code: "unimplemented", processed: "no" } as const;
  const script = new Script(
    "an early call of what is not served is refused",
    "The dialler could not know; the ERROR follows the HELLO that would have told it.",
    { knows: { dialler: { calls: LISTED } } },
  ).greeted()
    .do("dialler", "call", { call: 1, method: "gone", value: ONE })
    .d("REQUEST 1: gone, early", request(1, 1, ONE))
    .do("listener", "accept");
  return script
    .l(
      "HELLO: MISMATCHES",
      script.hello("listener", {
        entries: [field(0x05, SHAPE + MISSING + SCHEMA)],
      }),
    )
    .sees("listener", "opened")
    .sees("dialler", "opened")
    .l("ERROR 1", error(1, fails)).crosses()
    .sees("dialler", "failed", { call: 1, ...fails, retry: "never" });
}

function noLists(): Script {
  const script = new Script(
    "a side may have nothing to call",
    "The listener's list is empty, and so is its entry METHODS.",
    { knows: { listener: { calls: [] }, dialler: { serves: [] } } },
  ).opened();
  new CallScript(script, "dialler", "unary").opens(ONE).responds(TWO);
  return script;
}

function otherHash(): Script {
  const script = new Script(
    "the same hash of a method needs no words",
    "Both list orders.create with the same hash; the protocol hashes differ for another reason.",
    { knows: { dialler: { calls: SERVER, hash: 7 } } },
  ).opened();
  return script.called(1, "orders.create", request(1, CREATE, ONE), {
    value: ONE,
  });
}

/** In the order of the document. */
export const DIFFERING: readonly Conversation[] = [
  told(),
  sameHash(),
  secret(),
  ofTheListenersCalls(),
  otherHash(),
  numbers(),
  early(),
  noLists(),
].map((script) => script.conversation);
