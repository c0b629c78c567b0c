/**
 * Conversations about charges that a receiver returns at once: of parts, and of
 * frames that it drops. A window is 65,536, and a WINDOW is sent when a quarter
 * of it is owed: a full part, 16,448.
 *
 * @module
 */
import {
  bin,
  cancel,
  error,
  fields,
  fragments,
  int,
  ITEMS,
  MORE,
  named,
  NOTIFICATIONS,
  REQUESTS,
  result,
  window,
} from "./bytes.ts";
import { CallScript, SIDES } from "./call_script.ts";
import { PART } from "./fragments.ts";
import { type Conversation, other, Script, type Side } from "./script.ts";

const ONE = int(1), TWO = int(2);
const LEAST = 65_536, CHARGE = PART + 64;
const FULL = "00".repeat(PART);

/** The account has one part more. */
function grants(
  script: Script,
  receiver: Side,
  { account, parts }: { account: number; parts: number },
): Script {
  return script.frame(
    receiver,
    `WINDOW: ${parts} × 16,448 in total`,
    window(account, LEAST + parts * CHARGE),
  );
}

function requestParts(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} returns the charge of each part of a REQUEST`,
    "Of the parts that it keeps, and of the parts that it drops because the REQUEST was refused.",
    {
      subjects: [callee],
      limits: { [callee]: { connectionWindow: LEAST, maxFragments: 2 } },
    },
  ).opened();
  const { id } = new CallScript(script, caller, "unary");
  for (let parts = 1; parts <= 5; parts++) {
    const last = parts === 5;
    script.frame(
      caller,
      `REQUEST ${id}, part ${parts}`,
      named("REQUEST", id, FULL, last ? 0 : MORE),
    );
    if (parts === 3) {
      script.frame(
        callee,
        `ERROR ${id}: 2 parts are allowed`,
        error(id, { code: "too-large", processed: "no" }),
      );
    }
    grants(script, callee, { account: REQUESTS, parts });
  }
  return script;
}

function notifyParts(receiver: Side): Script {
  const script = new Script(
    `the ${receiver} returns the charge of each part of a NOTIFY`,
    "Of the parts that it keeps, and of the parts that it drops.",
    {
      subjects: [receiver],
      limits: { [receiver]: { notifyWindow: LEAST, maxFragments: 2 } },
    },
  ).opened();
  for (let parts = 1; parts <= 5; parts++) {
    script.frame(
      other(receiver),
      `NOTIFY, part ${parts}`,
      named("NOTIFY", 0, FULL, parts === 5 ? 0 : MORE),
    );
    grants(script, receiver, { account: NOTIFICATIONS, parts });
  }
  return script;
}

/** Limits with which nothing is granted to a call. */
const ITEM_LIMITS = {
  itemsWindow: LEAST,
  streamWindow: 262_144,
  maxStreamWindow: 262_144,
};

/** Sends full items that are dropped. */
function dropped(
  script: Script,
  receiver: Side,
  { id, from, count }: { id: number; from: number; count: number },
): void {
  for (let parts = from; parts < from + count; parts++) {
    script.frame(
      other(receiver),
      `ITEM ${id}: dropped`,
      named("ITEM", id, FULL),
    );
    grants(script, receiver, { account: ITEMS, parts });
  }
}

function callerDrops(caller: Side): Script {
  const callee = other(caller);
  const script = new Script(
    `the ${caller} returns the charges of items that it drops to account 2`,
    "Items of a call that it has cancelled, then late items. The account of the call has ended.",
    { subjects: [caller], limits: { [caller]: ITEM_LIMITS } },
  ).opened();
  const stream = new CallScript(script, caller, "serverStream").asks(ONE)
    .leaves(ONE);
  const { id } = stream;
  script.do(caller, "cancel", { call: id })
    .frame(caller, `CANCEL ${id}`, cancel(id));
  stream.failed({ code: "cancelled", processed: "maybe", retry: "never" });
  dropped(script, caller, { id, from: 1, count: 5 });
  script.frame(callee, `RESULT ${id}: dropped`, result(id));
  dropped(script, caller, { id, from: 6, count: 5 });
  return script;
}

function calleeDrops(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} returns the charges of items that its handler does not need to account 2`,
    "Of an item that waits, then of items that arrive, then of late items. No CREDIT is sent.",
    { subjects: [callee], limits: { [callee]: ITEM_LIMITS } },
  ).opened();
  const stream = new CallScript(script, caller, "clientStream").leaves()
    .arrives();
  const { id } = stream;
  script.frame(caller, `ITEM ${id}: waits`, named("ITEM", id, FULL))
    .do(callee, "stopReading", { call: id });
  grants(script, callee, { account: ITEMS, parts: 1 });
  dropped(script, callee, { id, from: 2, count: 5 });
  script.do(callee, "respond", { call: id, value: TWO })
    .frame(callee, `RESULT ${id}`, result(id, TWO));
  dropped(script, callee, { id, from: 7, count: 5 });
  return script;
}

/** A part that waits, and a frame that breaks the call. */
function brokenItem(callee: Side): Script {
  const caller = other(callee);
  const script = new Script(
    `the ${callee} returns the charges of an item that breaks the call to account 2`,
    "Of the parts that it has, of the frame that breaks the call, and of items that wait.",
    {
      subjects: [callee],
      limits: { [callee]: { ...ITEM_LIMITS, itemsWindow: 131_072 } },
    },
  ).opened();
  const stream = new CallScript(script, caller, "clientStream").leaves()
    .arrives();
  const { id } = stream;
  const [first = ""] = fragments(
    "ITEM",
    id,
    fields() + bin("00", 40_000).hex,
    PART,
  );
  script
    .frame(caller, `ITEM ${id}: waits`, named("ITEM", id, FULL))
    .frame(caller, `ITEM ${id}, first part: waits`, first)
    .frame(caller, `END ${id}`, named("END", id));
  stream.stopped("cancelled");
  return script
    .frame(
      callee,
      "WINDOW: both, a quarter of 131,072",
      window(ITEMS, 131_072 + 2 * CHARGE),
    )
    .frame(callee, `ERROR ${id}`, error(id, { code: "malformed" }));
}

/** All of them, in the order of PROTOCOL.md. */
export const RETURNED: readonly Conversation[] = SIDES.flatMap((side) => [
  requestParts(side),
  notifyParts(side),
  callerDrops(side),
  calleeDrops(side),
  brokenItem(side),
]).map((script) => script.conversation);
