/** Conversations about credit. */
import {
  bin,
  call,
  credit,
  fields,
  fragments,
  int,
  item,
  named,
  notify,
  request,
  result,
  window,
} from "./bytes.ts";
import {
  ADD,
  type Conversation,
  COUNT,
  LOG,
  Script,
  type Side,
  SUM,
} from "./script.ts";

const ONE = int(1), TWO = int(2);
const PART = 16_384;

/** Windows of 1 KiB that are never raised. */
const NARROW = { streamWindow: 1024, maxStreamWindow: 1024 };
/** An item with a charge of 569: 2 for fields, 503 for the value, 64. */
const ITEM = bin("61", 500);

function slowReader(): Script {
  const script = new Script(
    "a slow reader stops only the sender",
    "A window of 1,024 and items of 569: two are sent, the third waits until the first is taken. A unary call is not delayed.",
    { limits: { client: NARROW } },
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("server", "send", { call: 1, value: ITEM })
    .server("ITEM: 1,024 − 569 = 455 left", item(1, ITEM))
    .do("server", "send", { call: 1, value: ITEM })
    .server("ITEM: 455 − 569 = −114, overshot", item(1, ITEM))
    .do("server", "send", { call: 1, value: ITEM })
    .called(3, "add", request(3, ADD, TWO), { value: TWO })
    .do("server", "respond", { call: 3, value: TWO })
    .server("RESULT 3", result(3, TWO))
    .sees("client", "result", { call: 3, value: TWO })
    .do("client", "read", { call: 1 })
    .sees("client", "item", { call: 1, value: ITEM })
    .client("CREDIT 1", credit(1, 569))
    .server("ITEM: −114 + 569 − 569", item(1, ITEM));
  for (let left = 2; left > 0; left--) {
    script
      .do("client", "read", { call: 1 })
      .sees("client", "item", { call: 1, value: ITEM })
      .client("CREDIT 1", credit(1, 569));
  }
  return script
    .do("server", "respond", { call: 1 })
    .server("RESULT 1", result(1))
    .sees("client", "result", { call: 1 });
}

function upload(): Script {
  return new Script(
    "the callee grants too",
    "The other direction: the server grants the credit.",
    { limits: { server: NARROW } },
  ).opened()
    .called(1, "sum", request(1, SUM, undefined))
    .do("client", "send", { call: 1, value: ITEM })
    .client("ITEM", item(1, ITEM))
    .do("client", "send", { call: 1, value: ITEM })
    .client("ITEM", item(1, ITEM))
    .do("client", "send", { call: 1, value: ITEM })
    .do("server", "read", { call: 1 })
    .sees("server", "item", { call: 1, value: ITEM })
    .server("CREDIT 1", credit(1, 569))
    .client("ITEM", item(1, ITEM))
    .do("client", "end", { call: 1 })
    .client("END 1: needs no credit", named("END", 1))
    .sees("server", "itemsEnded", { call: 1 })
    .do("server", "read", { call: 1 })
    .sees("server", "item", { call: 1, value: ITEM })
    .do("server", "respond", { call: 1, value: ONE })
    .server("RESULT 1", result(1, ONE))
    .sees("client", "result", { call: 1, value: ONE });
}

function largerThanWindow(): Script {
  const value = bin("cd", 40_000);
  const [first, second, third] = fragments(
    "ITEM",
    1,
    fields() + value.hex,
    PART,
  );
  return new Script(
    "an item larger than the window arrives while the application waits for it",
    "Unread, it stops in the middle: 1,024 − 16,448. Once the application waits, the charge of each part is returned as it arrives.",
    {
      limits: {
        client: { ...NARROW, maxFrameBody: PART },
        server: { maxFrameBody: PART },
      },
    },
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("server", "send", { call: 1, value })
    .server("ITEM 1, part 1", first!)
    .do("client", "read", { call: 1 })
    .client("CREDIT 1: part 1", credit(1, 16_448))
    .server("ITEM 1, part 2", second!)
    .client("CREDIT 1: part 2", credit(1, 16_448))
    .server("ITEM 1, part 3", third!)
    .client("CREDIT 1: part 3", credit(1, 7_301))
    .sees("client", "item", { call: 1, value });
}

function raised(): Script {
  const value = bin("62", 600); // has a charge of 669
  return new Script(
    "a stream that is read gets a larger window",
    "From 1,024 to 2,048 and 4,096: each grant is the credit owed plus the raise. Credit is granted when half a window is owed.",
    {
      limits: { client: { streamWindow: 1024, maxStreamWindow: 4096 } },
    },
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value })
    .server("ITEM 1", item(1, value))
    .client("CREDIT 1: 669 + 1,024", credit(1, 1693))
    .sees("client", "item", { call: 1, value })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value })
    .server("ITEM 1: 669 is less than half of 2,048", item(1, value))
    .sees("client", "item", { call: 1, value })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value })
    .server("ITEM 1", item(1, value))
    .client("CREDIT 1: 1,338 + 2,048", credit(1, 3386))
    .sees("client", "item", { call: 1, value });
}

function withoutCredit(): Script {
  return new Script(
    "an item without credit closes the connection",
    "A window of 1,024: the second item of 569 overshoots, the third is a violation.",
    { subjects: ["server"], limits: { server: NARROW } },
  ).opened()
    .requested(1, "sum", request(1, SUM, undefined))
    .client("ITEM", item(1, ITEM))
    .client("ITEM", item(1, ITEM))
    .client("ITEM: no credit", item(1, ITEM))
    .closed("server", "flow-control", 1);
}

function connection(): Script {
  const line = bin("2e", 9_000); // has a charge of 9,071
  const script = new Script(
    "the connection's credit returns when handlers are entered",
    "A window of 65,536: WINDOW is sent when a quarter of it is owed.",
    { limits: { server: { connectionWindow: 65_536 } } },
  ).opened();
  for (let count = 1; count <= 4; count++) {
    script
      .do("client", "notify", { method: "log", value: line })
      .client(`NOTIFY ${count}`, notify(LOG, line))
      .sees("server", "notified", { method: "log", value: line });
    if (count % 2 === 0) script.server("WINDOW: 2 × 9,071", window(18_142));
  }
  return script;
}

function waitsForWindow(): Script {
  const line = bin("2e", 16_000);
  const script = new Script(
    "requests wait for the connection's credit",
    "65,536 − 5 × 16,071 = −14,819. A WINDOW of 14,819 is not enough; 1 more is.",
    {
      subjects: ["client"],
      limits: { server: { connectionWindow: 65_536 } },
    },
  ).opened();
  for (let count = 1; count <= 5; count++) {
    script
      .do("client", "notify", { method: "log", value: line })
      .client(`NOTIFY ${count}`, notify(LOG, line));
  }
  return script
    .do("client", "call", { call: 1, method: "add", value: ONE })
    .do("client", "notify", { method: "log", value: TWO })
    .server("WINDOW: the account is at 0", window(14_819))
    .server("WINDOW: above 0", window(1))
    .client("REQUEST 1", named("REQUEST", 1, call(ADD, ONE)))
    .server("WINDOW: 1 − 69 + 69, above 0", window(69))
    .client("NOTIFY, which waited after the call", notify(LOG, TWO));
}

function noEffect(): Script {
  return new Script(
    "CREDIT for a call without items has no effect",
    "It is allowed and ignored.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "add", request(1, ADD, ONE), { value: ONE })
    .client("CREDIT 1", credit(1, 5))
    .do("server", "respond", { call: 1, value: TWO })
    .server("RESULT 1", result(1, TWO));
}

function badGrant(name: string, meaning: string, hex: string): Script {
  return new Script(name, meaning, { subjects: ["server"] }).opened()
    .requested(1, "count", request(1, COUNT, ONE), { value: ONE })
    .client("an invalid grant", hex)
    .closed("server", "flow-control", 1);
}

function badGrantToCaller(side: Side): Script {
  return new Script(
    "a WINDOW of 0 from the server closes the connection too",
    "The rules are the same for both ends.",
    { subjects: [side] },
  ).opened()
    .server("WINDOW 0", window(0))
    .closedByClient("flow-control");
}

function lateBadGrant(): Script {
  return new Script(
    "a CREDIT of 0 closes the connection even if the call is over",
    "An amount of 0 is never valid.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("server", "respond", { call: 1 })
    .server("RESULT 1", result(1))
    .client("CREDIT 1", credit(1, 0))
    .closedByServer("flow-control", 1);
}

/** All of them, in the order of PROTOCOL.md. */
export const CREDIT: readonly Conversation[] = [
  slowReader(),
  upload(),
  largerThanWindow(),
  raised(),
  connection(),
  waitsForWindow(),
  noEffect(),
  withoutCredit(),
  badGrant(
    "a WINDOW of 0 closes the connection",
    "It grants nothing.",
    window(0),
  ),
  badGrant(
    "a WINDOW of 3 bytes closes the connection",
    "It must be a u32.",
    named("WINDOW", 0, "000001"),
  ),
  badGrant(
    "a WINDOW beyond 2^31 − 1 closes the connection",
    "The account already holds 4,194,304.",
    window(2 ** 31 - 1),
  ),
  badGrant(
    "a CREDIT of 0 closes the connection",
    "It grants nothing.",
    credit(1, 0),
  ),
  badGrant(
    "a CREDIT of 5 bytes closes the connection",
    "It must be a u32.",
    named("CREDIT", 1, "0000000001"),
  ),
  badGrant(
    "a CREDIT beyond 2^31 − 1 closes the connection",
    "The account already holds 32,768.",
    credit(1, 2 ** 31 - 1),
  ),
  badGrantToCaller("client"),
  lateBadGrant(),
].map((script) => script.conversation);
