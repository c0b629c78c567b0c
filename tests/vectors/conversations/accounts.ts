/** Conversations about totals, and about the accounts of a connection, at both ends. */
import {
  bin,
  credit,
  fields,
  fragments,
  goaway,
  int,
  item,
  ITEMS,
  named,
  NOTIFICATIONS,
  notify,
  REQUESTS,
  window,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { PART, send } from "./fragments.ts";
import {
  ALERT,
  type Conversation,
  LOG,
  other,
  Script,
  type Side,
} from "./script.ts";

const ONE = int(1), TWO = int(2);
/** Highest credit that an account may have. */
const MOST = 2 ** 31 - 1;
/** A u64 of which all bits are set. */
const HIGHEST = "ff".repeat(8);
/** Windows of 1 KiB that are never raised. */
const NARROW = { streamWindow: 1024, maxStreamWindow: 1024 };
/** An item with a charge of 569. */
const ITEM = bin("61", 500);
/** A value with a charge of 16,069 as an item, and 16,071 as a REQUEST or NOTIFY. */
const LARGE = bin("2e", 16_000);

/** The notification of an end: its name and number. */
function notification(from: Side): readonly [method: string, number: number] {
  return from === "client" ? ["log", LOG] : ["alert", ALERT];
}

function closes(
  script: Script,
  by: Side,
  lastId = 0,
): Script {
  return script
    .frame(by, "GOAWAY flow-control", goaway("flow-control", lastId))
    .sees(by, "ended", { code: "flow-control", remote: false });
}

// ── totals ───────────────────────────────────────────────────────────────

function unknownAccount(side: Side): Script {
  const peer = other(side);
  const script = new Script(
    `a WINDOW for an unknown account is ignored by the ${side}`,
    "Accounts 3 and 2^48 − 1, even with a total that no account may have.",
    { subjects: [side] },
  ).opened();
  for (const account of [3, 2 ** 48 - 1]) {
    script.frame(peer, `WINDOW ${account}`, window(account, 2 ** 52));
  }
  const call = new CallScript(script, peer, "unary");
  call.leaves(ONE).arrives(ONE);
  return script;
}

function requestTotals(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `a total of account 0 that is not above the last has no effect on the ${caller}`,
    "65,536 − 5 × 16,071 = −14,819. A total is not an increment: repeating it grants nothing.",
    { subjects: [caller], limits: { [callee]: { connectionWindow: 65_536 } } },
  ).opened();
  const calls = Array.from(
    { length: 7 },
    (_, before) => new CallScript(script, caller, "unary", before),
  );
  const grants = (about: string, total: number) =>
    script.frame(callee, `WINDOW: ${about}`, window(REQUESTS, total));
  grants("1, which takes nothing back", 1);
  for (const call of calls.slice(0, 5)) call.asks(LARGE).leaves(LARGE);
  for (const call of calls.slice(5)) call.asks(LARGE);
  grants("the initial total", 65_536);
  grants("lower", 65_535);
  grants("0", 0);
  grants("1 above the charges", 65_536 + 14_820);
  calls[5]?.leaves(LARGE);
  grants("the same", 65_536 + 14_820);
  grants("lower", 65_536);
  grants("the charges, and 1", 65_536 + 14_820 + 16_071);
  calls[6]?.leaves(LARGE);
  return script;
}

function itemTotals(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `a total of CREDIT that is not above the last has no effect on the ${caller}`,
    "1,024 − 2 × 569 = −114. A total is not an increment: repeating it grants nothing.",
    { subjects: [caller], limits: { [callee]: NARROW } },
  ).opened();
  const { id } = new CallScript(script, caller, "clientStream").opens();
  const leaves = () => script.frame(caller, `ITEM ${id}`, item(id, ITEM));
  const grants = (about: string, total: number) =>
    script.frame(callee, `CREDIT: ${about}`, credit(id, total));
  grants("1, which takes nothing back", 1);
  for (let count = 1; count <= 4; count++) {
    script.do(caller, "send", { call: id, value: ITEM });
    if (count <= 2) leaves();
  }
  grants("the initial total", 1024);
  grants("0", 0);
  grants("the charges: none left", 2 * 569);
  grants("1 above the charges", 2 * 569 + 1);
  leaves();
  grants("the same", 2 * 569 + 1);
  grants("lower", 1024);
  grants("above the charges", 4 * 569);
  leaves();
  return script;
}

function atTheBound(side: Side): Script {
  const peer = other(side);
  const [method, number] = notification(side);
  const script = new Script(
    `a total may be 2^31 − 1 above the charges of the ${side}`,
    "A NOTIFY has been charged with 68 bytes. One byte more closes the connection.",
    { subjects: [side] },
  ).opened()
    .do(side, "notify", { method, value: ONE })
    .frame(side, "NOTIFY", notify(number, ONE))
    .frame(
      peer,
      "WINDOW: 2^31 − 1 left",
      window(NOTIFICATIONS, MOST + 69),
    )
    .frame(peer, "WINDOW: 2^31 left", window(NOTIFICATIONS, MOST + 70));
  return closes(script, side);
}

function highestWindow(side: Side, account: number): Script {
  const script = new Script(
    `a WINDOW of 2^64 − 1 for account ${account} closes the connection of the ${side}`,
    account > ITEMS
      ? "Totals are below 2^53, also for an account that does not exist."
      : "Totals are below 2^53.",
    { subjects: [side] },
  ).opened()
    .frame(
      other(side),
      `WINDOW ${account}`,
      named("WINDOW", account, HIGHEST),
    );
  return closes(script, side);
}

function highestCredit(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `a CREDIT of 2^64 − 1 closes the connection of the ${caller}`,
    "Totals are below 2^53, also if the call is over.",
    { subjects: [caller] },
  ).opened();
  const call = new CallScript(script, caller, "duplex").opens().responds();
  script.frame(
    callee,
    `CREDIT ${call.id}: late`,
    named("CREDIT", call.id, HIGHEST),
  );
  return closes(script, caller);
}

// ── violations ───────────────────────────────────────────────────────────

function itemsOverrun(callee: Side, account: "the call" | "account 2"): Script {
  const caller = other(callee);
  const ofCall = account === "the call";
  const value = ofCall ? ITEM : LARGE;
  const script = new Script(
    `an item of the ${caller} without credit of ${account} closes the connection`,
    ofCall
      ? "A window of 1,024: the second item of 569 overshoots, the third is a violation."
      : "65,536 − 5 × 16,069 is below 0. The stream still has credit of its own.",
    {
      subjects: [callee],
      limits: {
        [callee]: ofCall
          ? NARROW
          : { itemsWindow: 65_536, streamWindow: 131_072 },
      },
    },
  ).opened();
  const call = new CallScript(script, caller, "clientStream");
  call.leaves().arrives();
  for (let count = 1; count <= (ofCall ? 3 : 6); count++) {
    script.frame(
      caller,
      `ITEM ${call.id}, number ${count}`,
      item(call.id, value),
    );
  }
  return script.closed(callee, "flow-control", call.id);
}

// ── the items of all calls ───────────────────────────────────────────────

function lastQuarter(from: Side): Script {
  const to = other(from);
  const value = bin("cd", 40_000);
  const script = new Script(
    `an item that the ${from} has begun may use the last quarter of account 2`,
    "65,536 − 2 × 16,069 = 33,398, which three parts use up. A new item needs more than 16,384.",
    {
      subjects: [from],
      limits: {
        [to]: {
          itemsWindow: 65_536,
          streamWindow: 131_072,
          maxFrameBody: PART,
        },
        [from]: { maxFrameBody: PART },
      },
    },
  ).opened();
  const [one, two] = [0, 1].map((before) =>
    new CallScript(script, from, "clientStream", before).opens()
  ) as [CallScript, CallScript];
  for (let count = 1; count <= 2; count++) {
    script.do(from, "send", { call: one.id, value: LARGE })
      .frame(from, `ITEM ${one.id}`, item(one.id, LARGE));
  }
  script.do(from, "send", { call: two.id, value });
  send(script, from, fragments("ITEM", two.id, fields() + value.hex, PART));
  // 40,005 bytes in three parts: a charge of 40,197.
  const charges = 2 * 16_069 + 40_197;
  return script
    .do(from, "send", { call: one.id, value: ONE })
    .frame(to, "WINDOW: a quarter left", window(ITEMS, charges + 16_384))
    .frame(to, "WINDOW: more than a quarter", window(ITEMS, charges + 16_385))
    .frame(from, `ITEM ${one.id}, which waited`, item(one.id, ONE));
}

/** Limits with a window for four large items, and nothing to lend. */
const LITTLE = {
  itemsWindow: 65_536,
  maxAssembly: 131_072,
  maxMessage: 65_536,
  streamWindow: 131_072,
  maxStreamWindow: 131_072,
};

/** Opens two streams of items to the caller. */
function downloads(
  script: Script,
  caller: Side,
): readonly [CallScript, CallScript] {
  return [0, 1].map((before) =>
    new CallScript(script, caller, "serverStream", before).opens(ONE)
  ) as [CallScript, CallScript];
}

/** Opens two streams of items from the caller. */
function uploads(
  script: Script,
  caller: Side,
): readonly [CallScript, CallScript] {
  return [0, 1].map((before) =>
    new CallScript(script, caller, "clientStream", before).opens()
  ) as [CallScript, CallScript];
}

/** Sends large items that stay unread. */
function fills(script: Script, from: Side, id: number, count: number): void {
  for (let number = 1; number <= count; number++) {
    script.do(from, "send", { call: id, value: LARGE })
      .frame(from, `ITEM ${id}, number ${number}`, item(id, LARGE));
  }
}

/** The receiver ends the stream that was not read. */
function unreadByCaller(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `the ${caller} ends its own call whose items were unread for 10 s`,
    "65,536 − 4 × 16,069: no item can begin, and an application waits for an item of another stream.",
    { library: true, limits: { [caller]: LITTLE } },
  ).opened();
  const [unread, read] = downloads(script, caller);
  fills(script, callee, unread.id, 4);
  script
    .do(callee, "send", { call: read.id, value: TWO })
    .do(caller, "read", { call: read.id })
    .advance(9_900)
    .advance(116)
    .frame(caller, "CANCEL", named("CANCEL", unread.id, "00"))
    .frame(caller, "WINDOW: four items", window(ITEMS, 65_536 + 4 * 16_069));
  unread.failed({ code: "overloaded", processed: "maybe", retry: "later" });
  unread.stopped("cancelled");
  return script
    .frame(callee, `ITEM ${read.id}, which waited`, item(read.id, TWO))
    .crosses()
    .sees(caller, "item", { call: read.id, value: TWO });
}

function unreadByCallee(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} ends a call of its peer whose items were unread for 10 s`,
    "65,536 − 4 × 16,069: no item can begin, and a handler waits for an item of another stream.",
    { library: true, limits: { [callee]: LITTLE } },
  ).opened();
  const [unread, read] = uploads(script, caller);
  fills(script, caller, unread.id, 4);
  const details = {
    code: "overloaded",
    processed: "maybe",
    retry: "later",
  } as const;
  script
    .do(caller, "send", { call: read.id, value: TWO })
    .do(callee, "read", { call: read.id })
    .advance(9_900)
    .advance(116)
    .frame(callee, "WINDOW: four items", window(ITEMS, 65_536 + 4 * 16_069));
  unread.stopped("cancelled").failedByCallee(details);
  return script
    .frame(caller, `ITEM ${read.id}, which waited`, item(read.id, TWO))
    .crosses()
    .sees(callee, "item", { call: read.id, value: TWO });
}

function grantsLittle(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} grants what it owes on account 2 when a reader needs it`,
    "65,536 − 4 × 16,069 = 1,260: no item can begin. 16,069 are owed, less than a quarter of the window.",
    { library: true, limits: { [callee]: LITTLE } },
  ).opened();
  const [unread, read] = uploads(script, caller);
  read.uploads(LARGE);
  fills(script, caller, unread.id, 3);
  return script
    .do(caller, "send", { call: read.id, value: TWO })
    .do(callee, "read", { call: read.id })
    .frame(callee, "WINDOW: the item that was read", window(ITEMS, 81_605))
    .frame(caller, `ITEM ${read.id}, which waited`, item(read.id, TWO))
    .sees(callee, "item", { call: read.id, value: TWO });
}

function lends(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} lends credit of account 2 to a reader`,
    "It lends up to half of the window. The charges of the items that are taken next repay the loan, and grant nothing.",
    {
      library: true,
      limits: { [callee]: { ...LITTLE, maxAssembly: 1_048_576 } },
    },
  ).opened();
  const [unread, read] = uploads(script, caller);
  fills(script, caller, unread.id, 4);
  const loan = 32_768 - (65_536 - 4 * 16_069);
  script
    .do(caller, "send", { call: read.id, value: TWO })
    .do(callee, "read", { call: read.id })
    .frame(callee, "WINDOW: a loan", window(ITEMS, 65_536 + loan))
    .frame(caller, `ITEM ${read.id}, which waited`, item(read.id, TWO))
    .sees(callee, "item", { call: read.id, value: TWO });
  for (let number = 1; number <= 4; number++) {
    script.do(callee, "read", { call: unread.id });
    // 67 + 3 × 16,069 − 31,508 = 16,766, which is more than a quarter.
    if (number === 3) {
      script.frame(
        callee,
        "WINDOW: what exceeds the loan",
        window(ITEMS, 65_536 + 67 + 3 * 16_069),
      );
    }
    script.sees(callee, "item", { call: unread.id, value: LARGE });
  }
  return script;
}

function lendsFrames(callee: Side): Script {
  const caller = other(callee);
  const value = bin("ab", 60_000); // in four parts
  const script = new Script(
    `the ${callee} lends credit for the frames of an item that is awaited`,
    "Two items and the parts of a third are unread. The awaited item uses the reserve, and gets credit for one frame at a time.",
    {
      library: true,
      subjects: [callee],
      limits: { [callee]: { ...LITTLE, maxFrameBody: PART } },
    },
  ).opened();
  const [unread, read, begun] = [0, 1, 2].map((before) =>
    new CallScript(script, caller, "clientStream", before).leaves().arrives()
  ) as [CallScript, CallScript, CallScript];
  const parts = ({ id }: CallScript) =>
    fragments("ITEM", id, fields() + value.hex, PART);
  const grants = (about: string, total: number) =>
    script.frame(callee, `WINDOW: ${about}`, window(ITEMS, total));
  for (let number = 1; number <= 2; number++) {
    script.frame(caller, "ITEM, unread", item(unread.id, LARGE));
  }
  script.do(callee, "read", { call: read.id });
  send(script, caller, parts(read).slice(0, 1));
  grants("part 1; 33,398 are left", 81_984);
  send(script, caller, parts(begun).slice(0, 3)); // −15,946 are left
  grants("1 is left", 97_931);
  send(script, caller, parts(read).slice(1, 2));
  grants("501 repay nothing", 98_432);
  grants("1 is left", 114_379);
  send(script, caller, parts(read).slice(2, 3));
  grants("501 repay nothing", 114_880);
  grants("1 is left", 130_827);
  send(script, caller, parts(read).slice(3));
  script
    .sees(callee, "item", { call: read.id, value })
    .do(callee, "read", { call: begun.id });
  grants("three parts, less 5,030 that were lent", 175_141);
  send(script, caller, parts(begun).slice(3));
  return script.sees(callee, "item", { call: begun.id, value });
}

/** All of them, in the order of PROTOCOL.md. */
export const ACCOUNTS: readonly Conversation[] = [
  ...SIDES.flatMap((side) => [
    unknownAccount(side),
    requestTotals(side),
    itemTotals(side),
    atTheBound(side),
    ...[REQUESTS, NOTIFICATIONS, ITEMS, 3].map((account) =>
      highestWindow(side, account)
    ),
    highestCredit(side),
    itemsOverrun(side, "the call"),
    itemsOverrun(side, "account 2"),
    lastQuarter(side),
    grantsLittle(side),
    lends(side),
    lendsFrames(side),
    unreadByCaller(side),
    unreadByCallee(side),
  ]),
].map((script) => script.conversation);
