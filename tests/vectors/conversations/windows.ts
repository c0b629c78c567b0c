/** Conversations about credit that is used up, returned and raised, at both ends. */
import {
  bin,
  credit,
  fields,
  fragments,
  int,
  item,
  named,
  NOTIFICATIONS,
  notify,
  result,
  window,
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
const PART = 16_384;
/** Windows of 1 KiB that are never raised. */
const NARROW = { streamWindow: 1024, maxStreamWindow: 1024 };
/** An item with a charge of 569: 2 for fields, 503 for the value, 64. */
const ITEM = bin("61", 500);

/** Writes two items that are sent, and a third that waits for credit. */
function fills(script: Script, from: Side, id: number): void {
  script
    .do(from, "send", { call: id, value: ITEM })
    .frame(from, "ITEM: 1,024 − 569 = 455 left", item(id, ITEM))
    .do(from, "send", { call: id, value: ITEM })
    .frame(from, "ITEM: 455 − 569 = −114, overshot", item(id, ITEM))
    .do(from, "send", { call: id, value: ITEM });
}

function drains(script: Script, from: Side, id: number): void {
  const to = other(from);
  script
    .do(to, "read", { call: id })
    .sees(to, "item", { call: id, value: ITEM })
    .frame(to, `CREDIT ${id}`, credit(id, 1024 + 569))
    .frame(from, "ITEM: −114 + 569 − 569", item(id, ITEM));
}

function listenersStreams(): Script {
  const script = new Script(
    "the server's streams wait for credit like the client's",
    "One stream in each direction; neither delays a unary call.",
    { limits: { client: NARROW, server: NARROW } },
  ).opened();
  const down = new CallScript(script, "server", "serverStream").opens(ONE);
  const up = new CallScript(script, "server", "clientStream", 1).opens();
  fills(script, "client", down.id);
  fills(script, "server", up.id);
  new CallScript(script, "server", "unary", 2).opens(ONE).responds(TWO);
  drains(script, "server", up.id);
  drains(script, "client", down.id);
  return script;
}

function bothDirections(caller: Side): Script {
  const script = new Script(
    `both directions of the ${caller}'s duplex call run out of credit`,
    "Each has its own account: a grant for one does not affect the other.",
    { limits: { client: NARROW, server: NARROW } },
  ).opened();
  const { id } = new CallScript(script, caller, "duplex").opens();
  for (const side of SIDES) fills(script, side, id);
  for (const side of SIDES) drains(script, side, id);
  return script;
}

function atZero(caller: Side): Script {
  const value = bin("64", 443); // has a charge of 512
  const callee = other(caller);
  const script = new Script(
    `an account of the ${caller}'s stream at 0 is used up`,
    "1,024 − 2 × 512: items are sent only above 0, and each item taken allows one more.",
    { limits: { [caller]: NARROW } },
  ).opened();
  const { id } = new CallScript(script, caller, "serverStream").opens(ONE);
  const leaves = () => script.frame(callee, `ITEM ${id}`, item(id, value));
  for (let count = 1; count <= 4; count++) {
    script.do(callee, "send", { call: id, value });
    if (count <= 2) leaves();
  }
  for (let count = 1; count <= 2; count++) {
    script
      .do(caller, "read", { call: id })
      .sees(caller, "item", { call: id, value })
      .frame(caller, `CREDIT ${id}`, credit(id, 1024 + count * 512));
    leaves();
  }
  return script;
}

function endWaits(caller: Side): Script {
  const callee = other(caller);
  const value = bin("cd", 40_000);
  const small = { maxFrameBody: PART };
  const script = new Script(
    `END and RESULT of the ${caller}'s call wait for queued items`,
    "They need no credit, but keep their order. The charge of a part is returned while the application waits for the item.",
    {
      limits: {
        client: { ...NARROW, ...small },
        server: { ...NARROW, ...small },
      },
    },
  ).opened();
  const call = new CallScript(script, caller, "duplex").opens();
  const parts = fragments("ITEM", call.id, fields() + value.hex, PART);
  const passes = (from: Side, last: () => void) => {
    const to = other(from);
    script.frame(to, "CREDIT: part 1", credit(call.id, 17_472)).crosses()
      .frame(from, "part 2", parts[1] ?? "")
      .frame(to, "CREDIT: part 2", credit(call.id, 33_920))
      .frame(from, "part 3", parts[2] ?? "")
      .sees(to, "item", { call: call.id, value });
    last();
    script.frame(
      to,
      "CREDIT: part 3, too late",
      credit(call.id, 41_221),
    ).crosses();
  };
  const begins = (from: Side) =>
    script.do(other(from), "read", { call: call.id })
      .do(from, "send", { call: call.id, value })
      .frame(from, "part 1: 1,024 − 16,448", parts[0] ?? "");
  begins(caller).do(caller, "end", { call: call.id });
  passes(
    caller,
    () =>
      script.frame(caller, "END, after its item", named("END", call.id))
        .crosses()
        .sees(callee, "itemsEnded", { call: call.id }),
  );
  begins(callee).do(callee, "respond", { call: call.id });
  passes(
    callee,
    () =>
      script.frame(callee, "RESULT, after its item", result(call.id)).crosses()
        .sees(caller, "result", { call: call.id }),
  );
  return script;
}

function connection(caller: Side): Script {
  const line = bin("2e", 16_000); // has a charge of 16,071
  const [method, number] = caller === "client"
    ? ["log", LOG] as const
    : ["alert", ALERT] as const;
  const callee = other(caller);
  const script = new Script(
    `the ${caller}'s notifications wait for a WINDOW in transit`,
    "65,536 − 5 × 16,071 = −14,819; the sixth notification waits until two WINDOWs have returned two charges each. A call has its own account.",
    { limits: { [callee]: { notifyWindow: 65_536 } } },
  ).opened();
  for (let count = 1; count <= 5; count++) {
    script
      .do(caller, "notify", { method, value: line })
      .frame(caller, `NOTIFY ${count}`, notify(number, line))
      .sees(callee, "notified", { method, value: line });
  }
  const waits = new CallScript(script, caller, "unary");
  script.do(caller, "notify", { method, value: line });
  waits.opens(ONE);
  script
    .frame(callee, "WINDOW: 2 × 16,071", window(NOTIFICATIONS, 97_678))
    .crosses()
    .frame(callee, "WINDOW: 2 × 16,071", window(NOTIFICATIONS, 129_820))
    .crosses()
    .frame(caller, "NOTIFY 6", notify(number, line)).crosses()
    .sees(callee, "notified", { method, value: line })
    .frame(
      callee,
      "WINDOW: the fifth and the sixth",
      window(NOTIFICATIONS, 161_962),
    )
    .crosses();
  waits.responds(TWO);
  return script;
}

function raisedUpload(caller: Side): Script {
  const value = bin("62", 600); // has a charge of 669
  const callee = other(caller);
  const script = new Script(
    `the ${callee} raises the window of an upload while reading it`,
    "From 1,024 to 2,048 and 4,096, but no further.",
    {
      library: true,
      limits: { [callee]: { streamWindow: 1024, maxStreamWindow: 4096 } },
    },
  ).opened();
  const call = new CallScript(script, caller, "clientStream").opens();
  let total = 1024;
  const sends = (granted = 0) => {
    total += granted;
    script
      .do(callee, "read", { call: call.id })
      .do(caller, "send", { call: call.id, value })
      .frame(caller, `ITEM ${call.id}`, item(call.id, value));
    if (granted > 0) {
      script.frame(callee, `CREDIT ${call.id}`, credit(call.id, total));
    }
    script.sees(callee, "item", { call: call.id, value });
  };
  sends(669 + 1024);
  sends();
  sends(2 * 669 + 2048);
  for (let count = 1; count <= 3; count++) sends();
  sends(4 * 669);
  call.ends().responds(ONE);
  return script;
}

function inFlight(): Script {
  const script = new Script(
    "calls of every shape and of both ends are in flight at once",
    "Items of different calls arrive in any order.",
  ).opened();
  const streams = SIDES.map((caller) => ({
    unary: new CallScript(script, caller, "unary").opens(ONE),
    down: new CallScript(script, caller, "serverStream", 1).opens(ONE),
    up: new CallScript(script, caller, "clientStream", 2).opens(),
    both: new CallScript(script, caller, "duplex", 3).opens(),
  }));
  for (const value of [ONE, TWO]) {
    for (const { down, up, both } of streams) {
      up.uploads(value);
      down.downloads(value);
      both.uploads(value).downloads(value);
    }
  }
  for (const { unary, down, up, both } of streams.reverse()) {
    both.ends().responds();
    up.ends();
    down.responds();
    up.responds(TWO);
    unary.responds(ONE);
  }
  return script;
}

function afterAnother(): Script {
  const script = new Script(
    "an account is not carried over to the next call",
    "The first stream ends with its window used up; the second has its own window.",
    { limits: { client: NARROW } },
  ).opened();
  const first = new CallScript(script, "client", "serverStream").opens(ONE);
  script.do("server", "send", { call: first.id, value: ITEM })
    .server("ITEM 1", item(first.id, ITEM))
    .do("server", "send", { call: first.id, value: ITEM })
    .server("ITEM 1: overshot", item(first.id, ITEM));
  first.responds();
  const second = new CallScript(script, "client", "serverStream", 1)
    .opens(ONE);
  fills(script, "server", second.id);
  drains(script, "server", second.id);
  return script;
}

function notWanted(): Script {
  const value = bin("63", 250);
  const script = new Script(
    "a sender whose items are not needed waits until its call has ended",
    "The handler has left its loop: nothing is granted, and RESULT ends the wait.",
    { limits: { server: NARROW } },
  ).opened();
  const call = new CallScript(script, "client", "clientStream").opens();
  script.do("server", "stopReading", { call: call.id });
  for (let count = 1; count <= 4; count++) {
    script
      .do("client", "send", { call: call.id, value })
      .client(`ITEM 1, dropped, number ${count}`, item(call.id, value));
  }
  script.do("client", "send", { call: call.id, value });
  call.responds(ONE);
  script.do("client", "end", { call: call.id });
  new CallScript(script, "client", "unary", 1).opens(ONE).responds(TWO);
  return script;
}

/** All of them, in the order of PROTOCOL.md. */
export const WINDOWS: readonly Conversation[] = [
  inFlight(),
  listenersStreams(),
  afterAnother(),
  notWanted(),
  ...SIDES.flatMap((caller) => [
    bothDirections(caller),
    atZero(caller),
    endWaits(caller),
    connection(caller),
    raisedUpload(caller),
  ]),
].map((script) => script.conversation);
