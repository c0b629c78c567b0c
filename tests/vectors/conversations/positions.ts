/** Conversations with streams whose items have positions. */
import {
  error,
  field,
  fields,
  goaway,
  int,
  named,
  NO_VALUE,
  request,
  result,
  uint,
  UNSETTLED,
  type Value,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { type Conversation, other, Script, type Side } from "./script.ts";

/** The bit of the feature. */
const FEATURE = 0x04;
const EPOCH = 7;
const REASONS = ["unknown", "expired", "slow"] as const;

/** A position, the beginning of a stream, and missing items. */
interface Step {
  readonly position: { epoch: number; number: number };
  readonly joined?: { epoch: number; head: number; recovered: boolean };
  readonly gap?: { from: number; to: number; reason: typeof REASONS[number] };
}

function at(number: number, epoch = EPOCH): Step {
  return { position: { epoch, number } };
}

function two(first: number, second: number): string {
  return uint(first, 8) + uint(second, 8);
}

function stepFields({ position, joined, gap }: Step): string {
  return fields(
    field(0x06, two(position.epoch, position.number)),
    ...(joined === undefined ? [] : [
      field(
        0x08,
        two(joined.epoch, joined.head) + (joined.recovered ? "01" : "00"),
      ),
    ]),
    ...(gap === undefined ? [] : [
      field(0x07, two(gap.from, gap.to) + uint(REASONS.indexOf(gap.reason), 1)),
    ]),
  );
}

function resumeFrom(number: number, epoch = EPOCH): string {
  return field(0x81, two(epoch, number));
}

/** A handshake with the feature. */
function begun(
  name: string,
  meaning: string,
  ...subjects: [Side] | []
): Script {
  return new Script(name, meaning, {
    ...(subjects.length > 0 && { subjects }),
    features: { client: FEATURE, server: FEATURE },
  }).opened();
}

/** Adds a step that the callee sends and the caller sees. */
function sends(script: Script, { id }: CallScript, step: Step, value?: Value) {
  const caller: Side = id % 2 === 1 ? "client" : "server";
  const sent = { call: id, ...step };
  script
    .do(other(caller), "send", {
      ...sent,
      ...(value === undefined ? {} : { value }),
    })
    .frame(
      other(caller),
      `ITEM ${id}${value === undefined ? ", NO_VALUE" : ""}`,
      value === undefined
        ? named("ITEM", id, stepFields(step), NO_VALUE)
        : named("ITEM", id, stepFields(step) + value.hex),
    )
    .sees(caller, "position", sent);
  if (value !== undefined) script.sees(caller, "item", { call: id, value });
}

function joins(caller: Side): Script {
  const script = begun(
    `a stream with positions begins with JOINED: the ${caller} is the caller`,
    "Its position is the one before the next item; a later one moves it past items that the callee does not send.",
  );
  const call = new CallScript(script, caller, "serverStream").opens(int(1));
  script.do(caller, "read", { call: call.id });
  sends(script, call, {
    ...at(41),
    joined: { epoch: EPOCH, head: 41, recovered: true },
  });
  sends(script, call, at(42), int(42));
  script.do(caller, "read", { call: call.id });
  sends(script, call, at(50));
  sends(script, call, at(52), int(52)); // numbers may be left out
  call.responds();
  return script;
}

function continues(caller: Side): Script {
  const script = begun(
    `a stream continues after RESUME_FROM: the ${caller} is the caller`,
    "The callee keeps the items from 46 on, and says that three are missing.",
  );
  const call = new CallScript(script, caller, "serverStream");
  const details = {
    call: call.id,
    method: call.method,
    value: int(1),
    resumeFrom: { epoch: EPOCH, number: 42 },
  };
  script
    .do(caller, "call", details)
    .frame(
      caller,
      `REQUEST ${call.id}: ${call.method}, RESUME_FROM 42`,
      request(call.id, call.number, int(1), resumeFrom(42)),
    )
    .sees(other(caller), "request", details)
    .do(caller, "read", { call: call.id });
  sends(script, call, {
    ...at(45),
    joined: { epoch: EPOCH, head: 50, recovered: false },
    gap: { from: 43, to: 45, reason: "expired" },
  });
  sends(script, call, at(46), int(46));
  call.responds();
  return script;
}

function anew(): Script {
  const script = begun(
    "a stream of another epoch begins with a gap of unknown size",
    "The server was restarted, and numbers its items from 1.",
  );
  const call = new CallScript(script, "client", "serverStream");
  const details = {
    call: call.id,
    method: call.method,
    value: int(1),
    resumeFrom: { epoch: EPOCH, number: 42 },
  };
  script
    .do("client", "call", details)
    .client(
      `REQUEST ${call.id}: ${call.method}, RESUME_FROM 42`,
      request(call.id, call.number, int(1), resumeFrom(42)),
    )
    .sees("server", "request", details)
    .do("client", "read", { call: call.id });
  sends(script, call, {
    ...at(5, 8),
    joined: { epoch: 8, head: 5, recovered: false },
    gap: { from: 0, to: 5, reason: "unknown" },
  });
  sends(script, call, at(6, 8), int(6));
  call.responds();
  return script;
}

function inOrder(caller: Side): Script {
  const script = begun(
    `a GAP keeps its place among unread items: the ${caller} is the caller`,
    "The application sees the fields of an item when it reads the item.",
    caller,
  );
  const call = new CallScript(script, caller, "serverStream")
    .asks(int(1)).leaves(int(1));
  const { id } = call;
  const gap = { ...at(44), gap: { from: 43, to: 44, reason: "slow" } } as const;
  script
    .frame(
      other(caller),
      `ITEM ${id}, 42`,
      named("ITEM", id, stepFields(at(42)) + int(42).hex),
    )
    .frame(
      other(caller),
      `ITEM ${id}, GAP`,
      named("ITEM", id, stepFields(gap), NO_VALUE),
    )
    .frame(
      other(caller),
      `ITEM ${id}, 45`,
      named("ITEM", id, stepFields(at(45)) + int(45).hex),
    )
    .do(caller, "read", { call: id })
    .sees(caller, "position", { call: id, ...at(42) })
    .sees(caller, "item", { call: id, value: int(42) })
    .do(caller, "read", { call: id })
    .sees(caller, "position", { call: id, ...gap })
    .sees(caller, "position", { call: id, ...at(45) })
    .sees(caller, "item", { call: id, value: int(45) })
    .frame(other(caller), `RESULT ${id}`, result(id))
    .sees(caller, "result", { call: id });
  return script;
}

/** ITEMs that break the call of a server stream. */
function broken(caller: Side): Script[] {
  const value = int(1).hex;
  const item = (list: string) => (id: number) =>
    named("ITEM", id, list + value);
  const wrong: Record<string, ((id: number) => string)[]> = {
    "with a position of 15 bytes": [
      item(fields(field(0x06, two(7, 42).slice(2)))),
    ],
    "with a position of 2^53": [
      item(fields(field(0x06, uint(7, 8) + "0020000000000000"))),
    ],
    "with a GAP of 16 bytes": [item(fields(field(0x07, two(5, 9))))],
    "with a JOINED of 18 bytes": [
      item(fields(field(0x08, two(7, 42) + "0101"))),
    ],
    "with the position of the item before it": [
      item(stepFields(at(42))),
      item(stepFields(at(42))),
    ],
    "with a position of another epoch": [
      item(stepFields(at(42))),
      item(stepFields(at(43, 8))),
    ],
  };
  return Object.entries(wrong).map(([what, frames]) => {
    const script = begun(
      `an ITEM ${what} breaks the call of the ${caller}`,
      "The stream cannot continue at such a position.",
      caller,
    );
    const call = new CallScript(script, caller, "serverStream")
      .asks(int(1)).leaves(int(1));
    for (const frame of frames) {
      script.frame(other(caller), `ITEM ${call.id}`, frame(call.id));
    }
    return script
      .sees(caller, "failed", {
        ...{ call: call.id, code: "malformed", processed: "maybe" },
        retry: "never",
      })
      .frame(
        caller,
        `CANCEL ${call.id}`,
        named("CANCEL", call.id, "00"),
      );
  });
}

/** RESUME_FROM where it has no meaning. */
function misplaced(callee: Side): Script[] {
  const caller = other(callee);
  return (["unary", "duplex"] as const).map((shape) => {
    const script = begun(
      `RESUME_FROM is refused by the ${callee} for a ${shape} call`,
      "Only server streams continue.",
      callee,
    );
    const { id, number } = new CallScript(script, caller, shape);
    return script
      .frame(
        caller,
        `REQUEST ${id}, RESUME_FROM`,
        request(id, number, int(1), resumeFrom(42)),
      )
      .frame(
        callee,
        `ERROR ${id}`,
        error(id, { code: "unimplemented", processed: "no" }),
      );
  });
}

function malformed(callee: Side): Script {
  const caller = other(callee);
  const script = begun(
    `a REQUEST with a malformed RESUME_FROM is refused by the ${callee}`,
    "It has 15 bytes.",
    callee,
  );
  const { id, number } = new CallScript(script, caller, "serverStream");
  return script
    .frame(
      caller,
      `REQUEST ${id}, RESUME_FROM`,
      request(id, number, int(1), field(0x81, two(7, 42).slice(2))),
    )
    .frame(
      callee,
      `ERROR ${id}`,
      error(id, { code: "malformed", processed: "no" }),
    );
}

/** A draining server ends a stream that continues elsewhere. */
function moves(): Script {
  const script = begun(
    "a draining server ends a stream with moving",
    "The items that it has sent precede the ERROR, so the client knows where to continue.",
    "client",
  );
  const call = new CallScript(script, "client", "serverStream")
    .asks(int(1)).leaves(int(1));
  const { id } = call;
  const moving = { code: "moving", processed: "yes", retry: "now" } as const;
  return script
    .do("client", "read", { call: id })
    .server(
      `ITEM ${id}`,
      named("ITEM", id, stepFields(at(42)) + int(42).hex),
    )
    .sees("client", "position", { call: id, ...at(42) })
    .sees("client", "item", { call: id, value: int(42) })
    .server("GOAWAY drain", goaway("drain", UNSETTLED))
    .sees("client", "draining")
    .server(`ERROR ${id}`, error(id, moving))
    .sees("client", "failed", { call: id, ...moving });
}

/** All of them, in the order of PROTOCOL.md. */
export const POSITIONS: readonly Conversation[] = [
  ...SIDES.map(joins),
  ...SIDES.map(continues),
  anew(),
  ...SIDES.map(inOrder),
  ...SIDES.flatMap(broken),
  ...SIDES.flatMap(misplaced),
  ...SIDES.map(malformed),
  moves(),
].map((script) => script.conversation);
