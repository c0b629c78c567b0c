/** Conversations about values that the codec cannot decode. */
import {
  call,
  cancel,
  error,
  goaway,
  int,
  item,
  named,
  notify,
  result,
  type Value,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import {
  ALERT,
  type Conversation,
  LOG,
  other,
  Script,
  type Side,
} from "./script.ts";

const ONE = int(1), TWO = int(2);
/** The one byte that MessagePack never uses. */
const GARBAGE: Value = { hex: "c1", json: undefined };

function inRequest(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `a REQUEST whose value cannot be decoded is refused by the ${callee}`,
    "The handler is not entered.",
    { subjects: [callee] },
  ).opened();
  const [bad, opening, next] = [
    new CallScript(script, caller, "unary"),
    new CallScript(script, caller, "clientStream", 1),
    new CallScript(script, caller, "unary", 2),
  ];
  for (const { id, number } of [bad, opening]) {
    script
      .frame(
        caller,
        `REQUEST ${id}`,
        named("REQUEST", id, call(number, GARBAGE)),
      )
      .frame(
        callee,
        `ERROR ${id}`,
        error(id, { code: "malformed", processed: "no" }),
      );
  }
  next.leaves(ONE).arrives(ONE).settles({
    code: "forbidden",
    processed: "yes",
  });
  return script;
}

function inNotify(receiver: Side): Script {
  const sender = other(receiver);
  const [method, number] = sender === "client"
    ? ["log", LOG] as const
    : ["alert", ALERT] as const;
  return new Script(
    `a NOTIFY whose value cannot be decoded is dropped by the ${receiver}`,
    "It has no reply.",
    { subjects: [receiver] },
  ).opened()
    .frame(sender, "NOTIFY", notify(number, GARBAGE))
    .frame(sender, "NOTIFY", notify(number, TWO))
    .sees(receiver, "notified", { method, value: TWO });
}

function inItemToCallee(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `an item that the ${callee} cannot decode breaks the call of its peer`,
    "It breaks the call when the application takes it, not before.",
    { subjects: [callee] },
  ).opened();
  const stream = new CallScript(script, caller, "clientStream").leaves()
    .arrives();
  script
    .frame(caller, `ITEM ${stream.id}`, item(stream.id, ONE))
    .frame(caller, `ITEM ${stream.id}`, item(stream.id, GARBAGE))
    .do(callee, "read", { call: stream.id })
    .sees(callee, "item", { call: stream.id, value: ONE })
    .do(callee, "read", { call: stream.id });
  stream.stopped("cancelled");
  return script.frame(
    callee,
    `ERROR ${stream.id}`,
    error(stream.id, { code: "malformed" }),
  ).frame(caller, `ITEM ${stream.id}: late`, item(stream.id, ONE));
}

function inItemToCaller(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `an item that the ${caller} cannot decode breaks its call`,
    "It breaks the call when the application takes it, not before.",
    { subjects: [caller] },
  ).opened();
  const stream = new CallScript(script, caller, "serverStream").asks(ONE)
    .leaves(ONE);
  script
    .frame(callee, `ITEM ${stream.id}`, item(stream.id, GARBAGE))
    .do(caller, "read", { call: stream.id })
    .frame(caller, `CANCEL ${stream.id}`, cancel(stream.id));
  stream.failed({ code: "malformed", processed: "maybe", retry: "never" });
  return script.frame(
    callee,
    `RESULT ${stream.id}: dropped`,
    result(stream.id),
  );
}

function inResult(caller: Side): Script {
  const script = new Script(
    `a RESULT whose value the ${caller} cannot decode fails the call`,
    "It is the terminal: no CANCEL is sent.",
    { subjects: [caller] },
  ).opened();
  const asked = new CallScript(script, caller, "unary").asks(ONE).leaves(ONE);
  script.frame(
    other(caller),
    `RESULT ${asked.id}`,
    result(asked.id, GARBAGE),
  );
  asked.failed({ code: "malformed", processed: "maybe", retry: "never" });
  return script;
}

function inGoaway(side: Side): Script {
  return new Script(
    `a GOAWAY with malformed fields closes the connection of the ${side}`,
    "They claim 4 bytes, and there are 2.",
    { subjects: [side] },
  ).opened()
    .frame(
      other(side),
      "GOAWAY drain",
      named("GOAWAY", 0, "0b" + "00".repeat(6) + "0004" + "1300"),
    )
    .frame(side, "GOAWAY protocol", goaway("protocol", 0))
    .sees(side, "ended", { code: "protocol", remote: false });
}

function shortNotify(receiver: Side): Script {
  return new Script(
    `a NOTIFY without a method closes the connection of the ${receiver}`,
    "It has one byte of its number, in two frames.",
    { subjects: [receiver] },
  ).opened()
    .frame(other(receiver), "NOTIFY, a part", named("NOTIFY", 0, "", 1))
    .frame(other(receiver), "NOTIFY, the last part", named("NOTIFY", 0, "00"))
    .frame(receiver, "GOAWAY protocol", goaway("protocol", 0))
    .sees(receiver, "ended", { code: "protocol", remote: false });
}

/** All of them, in the order of PROTOCOL.md. */
export const UNDECODABLE: readonly Conversation[] = SIDES.flatMap((side) => [
  inRequest(side),
  inNotify(side),
  shortNotify(side),
  inItemToCallee(side),
  inItemToCaller(side),
  inResult(side),
  inGoaway(side),
]).map((script) => script.conversation);
