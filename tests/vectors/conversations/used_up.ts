/** Conversations about accounts that are used up or have ended. */
import {
  bin,
  cancel,
  credit,
  error,
  goaway,
  int,
  item,
  ITEMS,
  MORE,
  named,
  window,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { type Conversation, other, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2);
/** A value with a charge of 16,069 as an item. */
const LARGE = bin("2e", 16_000);
const CANCELLED = { code: "cancelled", processed: "yes" } as const;

/** An item without credit of account 2, for a call without items. */
function noCreditFirst(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `an item without credit for a unary call closes the connection of the ${callee}`,
    "Credit of account 2 is checked before the shape, which would only break the call.",
    {
      subjects: [callee],
      limits: { [callee]: { itemsWindow: 65_536, streamWindow: 131_072 } },
    },
  ).opened();
  const [stream, single] = [
    new CallScript(script, caller, "clientStream").leaves().arrives(),
    new CallScript(script, caller, "unary", 1).leaves(ONE).arrives(ONE),
  ];
  for (let count = 1; count <= 5; count++) {
    script.frame(caller, `ITEM ${stream.id}`, item(stream.id, LARGE));
  }
  script
    .frame(caller, `ITEM ${single.id}: no credit`, item(single.id, ONE))
    .frame(callee, "GOAWAY flow-control", goaway("flow-control", single.id));
  stream.stopped("disconnected");
  single.stopped("disconnected");
  return script.sees(callee, "ended", { code: "flow-control", remote: false });
}

/** An item without credit of account 2, for a call that it cannot belong to. */
function noCreditForNone(callee: Side, begun: boolean): Script {
  const caller = other(callee);
  const script = new Script(
    `an item without credit for ${
      begun ? "an incomplete REQUEST" : "a call that has not begun"
    } closes the connection of the ${callee}`,
    begun
      ? "Credit of account 2 is checked before the REQUEST, which is not refused."
      : "Credit of account 2 is checked before the id: the code is flow-control.",
    {
      subjects: [callee],
      limits: { [callee]: { itemsWindow: 65_536, streamWindow: 131_072 } },
    },
  ).opened();
  const stream = new CallScript(script, caller, "clientStream").leaves()
    .arrives();
  for (let count = 1; count <= 5; count++) {
    script.frame(caller, `ITEM ${stream.id}`, item(stream.id, LARGE));
  }
  const { id } = new CallScript(script, caller, "unary", 1);
  if (begun) {
    script.frame(
      caller,
      `REQUEST ${id}, a part`,
      named("REQUEST", id, "0000", MORE),
    );
  }
  script
    .frame(caller, `ITEM ${id}: no credit`, item(id, ONE))
    .frame(
      callee,
      "GOAWAY flow-control",
      goaway("flow-control", begun ? id : stream.id),
    );
  stream.stopped("disconnected");
  return script.sees(callee, "ended", { code: "flow-control", remote: false });
}

/** CREDIT for the items of the caller, after the last of them. */
function creditAfterEnd(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `CREDIT after the last item of the ${caller} has no effect`,
    "The account has ended with END, so even a total that no account may have does not matter.",
    { subjects: [caller] },
  ).opened();
  const stream = new CallScript(script, caller, "clientStream").asks().leaves();
  script.do(caller, "end", { call: stream.id })
    .frame(caller, `END ${stream.id}`, named("END", stream.id))
    .frame(callee, `CREDIT ${stream.id}`, credit(stream.id, 2 ** 40));
  new CallScript(script, caller, "unary", 1).asks(TWO).leaves(TWO);
  return script;
}

function creditForCancelled(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `CREDIT for a cancelled call is ignored by the ${callee}`,
    "The account has ended with CANCEL, so even a total that no account may have does not matter.",
    { subjects: [callee] },
  ).opened();
  const stream = new CallScript(script, caller, "serverStream").leaves(ONE)
    .arrives(ONE);
  script.frame(caller, `CANCEL ${stream.id}`, cancel(stream.id));
  stream.stopped("cancelled");
  script.frame(caller, `CREDIT ${stream.id}`, credit(stream.id, 65_536))
    .frame(caller, `CREDIT ${stream.id}: 2^40`, credit(stream.id, 2 ** 40));
  return script.do(callee, "fail", { call: stream.id, ...CANCELLED })
    .frame(callee, `ERROR ${stream.id}`, error(stream.id, CANCELLED));
}

/** Limits with a window for four large items, and nothing to lend. */
const LITTLE = {
  itemsWindow: 65_536,
  maxAssembly: 131_072,
  maxMessage: 65_536,
  streamWindow: 131_072,
  maxStreamWindow: 131_072,
};

function laterShortage(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} ends no stream because of a shortage that has passed`,
    "Items of two calls use up account 2, one after the other. The second call ends 10 s after its items arrived.",
    { library: true, subjects: [callee], limits: { [callee]: LITTLE } },
  ).opened();
  const [old, read, unread] = [0, 1, 2].map((before) =>
    new CallScript(script, caller, "clientStream", before).leaves().arrives()
  ) as [CallScript, CallScript, CallScript];
  const fills = (id: number, items: number) => {
    for (let count = 1; count <= items; count++) {
      script.frame(caller, `ITEM ${id}`, item(id, LARGE));
    }
  };
  // A first shortage begins, and ends with the call whose items are unread.
  fills(old.id, 4);
  script.do(callee, "read", { call: read.id }).advance(5_000)
    .frame(caller, `CANCEL ${old.id}`, cancel(old.id));
  old.stopped("cancelled");
  script
    .frame(callee, "WINDOW: four items", window(ITEMS, 129_812));
  // A second one begins just before the first would have led to an end.
  script.advance(4_900);
  fills(unread.id, 4);
  script
    .advance(9_900)
    .advance(116)
    .frame(callee, "WINDOW: four items", window(ITEMS, 194_088));
  unread.stopped("cancelled");
  return script.frame(
    callee,
    `ERROR ${unread.id}`,
    error(unread.id, { code: "overloaded", retry: "later" }),
  );
}

function grantedShortage(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} ends no stream because of a shortage that a WINDOW has ended`,
    "The WINDOW returns an item that was taken. A second shortage begins 9.9 s after the first one, and lasts for 10 s before a stream ends.",
    { library: true, subjects: [callee], limits: { [callee]: LITTLE } },
  ).opened();
  const [taken, read, unread] = [0, 1, 2].map((before) =>
    new CallScript(script, caller, "clientStream", before).leaves().arrives()
  ) as [CallScript, CallScript, CallScript];
  const fills = (id: number, items: number) => {
    for (let count = 1; count <= items; count++) {
      script.frame(caller, `ITEM ${id}`, item(id, LARGE));
    }
  };
  fills(taken.id, 2);
  fills(unread.id, 2);
  return script.do(callee, "read", { call: read.id })
    .advance(5_000)
    .do(callee, "read", { call: taken.id })
    .sees(callee, "item", { call: taken.id, value: LARGE })
    .frame(callee, "WINDOW: the item that was taken", window(ITEMS, 81_605))
    .advance(4_900)
    .frame(caller, `ITEM ${taken.id}`, item(taken.id, LARGE))
    .advance(9_900)
    .advance(116)
    .sees(callee, "cancelled", { call: unread.id, reason: "cancelled" })
    .frame(callee, "WINDOW: two items", window(ITEMS, 113_743))
    .frame(
      callee,
      `ERROR ${unread.id}`,
      error(unread.id, { code: "overloaded", retry: "later" }),
    );
}

function cancelledShortage(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} ends no stream because of a reader whose call has ended`,
    "A second reader waits 9.9 s after the first one. It waits for 10 s before a stream ends.",
    { library: true, subjects: [callee], limits: { [callee]: LITTLE } },
  ).opened();
  const [unread, first, second] = [0, 1, 2].map((before) =>
    new CallScript(script, caller, "clientStream", before).leaves().arrives()
  ) as [CallScript, CallScript, CallScript];
  for (let count = 1; count <= 4; count++) {
    script.frame(caller, `ITEM ${unread.id}`, item(unread.id, LARGE));
  }
  script.do(callee, "read", { call: first.id })
    .advance(5_000)
    .frame(caller, `CANCEL ${first.id}`, cancel(first.id));
  first.stopped("cancelled");
  script.advance(4_900)
    .do(callee, "read", { call: second.id })
    .advance(9_900)
    .advance(116);
  unread.stopped("cancelled");
  return script
    .frame(callee, "WINDOW: four items", window(ITEMS, 129_812))
    .frame(
      callee,
      `ERROR ${unread.id}`,
      error(unread.id, { code: "overloaded", retry: "later" }),
    );
}

function grantsWhenTaken(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} grants what it owes on account 2 when an item is taken and a reader waits`,
    "16,069 are owed, less than a quarter of the window, but no item can begin without them.",
    { library: true, subjects: [callee], limits: { [callee]: LITTLE } },
  ).opened();
  const [unread, read] = [0, 1].map((before) =>
    new CallScript(script, caller, "clientStream", before).leaves().arrives()
  ) as [CallScript, CallScript];
  for (let count = 1; count <= 4; count++) {
    script.frame(caller, `ITEM ${unread.id}`, item(unread.id, LARGE));
  }
  return script.do(callee, "read", { call: read.id })
    .do(callee, "read", { call: unread.id })
    .sees(callee, "item", { call: unread.id, value: LARGE })
    .frame(
      callee,
      "WINDOW: the item that was taken",
      window(ITEMS, 65_536 + 16_069),
    )
    .frame(caller, `ITEM ${read.id}`, item(read.id, TWO))
    .sees(callee, "item", { call: read.id, value: TWO });
}

/** All of them, in the order of PROTOCOL.md. */
export const USED_UP: readonly Conversation[] = SIDES.flatMap((side) => [
  noCreditFirst(side),
  noCreditForNone(side, false),
  noCreditForNone(side, true),
  creditAfterEnd(side),
  creditForCancelled(side),
  laterShortage(side),
  grantedShortage(side),
  cancelledShortage(side),
  grantsWhenTaken(side),
]).map((script) => script.conversation);
