/** Conversations about credit. */
import {
  bin,
  call,
  credit,
  fields,
  fragments,
  int,
  item,
  ITEMS,
  named,
  NOTIFICATIONS,
  notify,
  request,
  REQUESTS,
  result,
  window,
} from "./bytes.ts";
import { ADD, type Conversation, COUNT, LOG, Script, SUM } from "./script.ts";

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
    .client("CREDIT 1: 1,024 + 569", credit(1, 1593))
    .server("ITEM: −114 + 569 − 569", item(1, ITEM));
  for (let left = 2; left > 0; left--) {
    script
      .do("client", "read", { call: 1 })
      .sees("client", "item", { call: 1, value: ITEM })
      .client("CREDIT 1", credit(1, 1024 + (4 - left) * 569));
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
    .server("CREDIT 1", credit(1, 1593))
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

function largerThanWindow(awaited: boolean): Script {
  const value = bin("cd", 40_000);
  const [first, second, third] = fragments(
    "ITEM",
    1,
    fields() + value.hex,
    PART,
  );
  const script = new Script(
    awaited
      ? "an item larger than the window arrives while the application waits for it"
      : "an item larger than the window arrives before the application waits for it",
    "The charge of each part of the next item is returned as it arrives, although the application does not wait; that of the last part when it is taken.",
    {
      limits: {
        client: { ...NARROW, maxFrameBody: PART },
        server: { maxFrameBody: PART },
      },
    },
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE });
  if (awaited) script.do("client", "read", { call: 1 });
  script
    .do("server", "send", { call: 1, value })
    .server("ITEM 1, part 1", first!)
    .client("CREDIT 1: part 1", credit(1, 1024 + 16_448))
    .server("ITEM 1, part 2", second!)
    .client("CREDIT 1: part 2", credit(1, 1024 + 2 * 16_448))
    .server("ITEM 1, part 3", third!);
  if (!awaited) script.do("client", "read", { call: 1 });
  return script
    .client("CREDIT 1: part 3", credit(1, 41_221))
    .sees("client", "item", { call: 1, value });
}

function raised(): Script {
  const value = bin("62", 600); // has a charge of 669
  return new Script(
    "a stream that is read gets a larger window",
    "From 1,024 to 2,048 and 4,096: each grant is the credit owed plus the raise. Credit is granted when half a window is owed.",
    {
      library: true,
      limits: { client: { streamWindow: 1024, maxStreamWindow: 4096 } },
    },
  ).opened()
    .called(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value })
    .server("ITEM 1", item(1, value))
    .client("CREDIT 1: 669 + 1,024", credit(1, 2717))
    .sees("client", "item", { call: 1, value })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value })
    .server("ITEM 1: 669 is less than half of 2,048", item(1, value))
    .sees("client", "item", { call: 1, value })
    .do("client", "read", { call: 1 })
    .do("server", "send", { call: 1, value })
    .server("ITEM 1", item(1, value))
    .client("CREDIT 1: 1,338 + 2,048", credit(1, 6103))
    .sees("client", "item", { call: 1, value });
}

function connection(): Script {
  const line = bin("2e", 9_000); // has a charge of 9,071
  const script = new Script(
    "the credit for notifications returns when handlers are entered",
    "A window of 65,536: WINDOW is sent when a quarter of it is owed.",
    { limits: { server: { notifyWindow: 65_536 } } },
  ).opened();
  for (let count = 1; count <= 4; count++) {
    script
      .do("client", "notify", { method: "log", value: line })
      .client(`NOTIFY ${count}`, notify(LOG, line))
      .sees("server", "notified", { method: "log", value: line });
    if (count % 2 === 0) {
      script.server(
        "WINDOW: 2 × 9,071 more",
        window(NOTIFICATIONS, 65_536 + count * 9_071),
      );
    }
  }
  return script;
}

function waitsForWindow(): Script {
  const line = bin("2e", 16_000);
  const script = new Script(
    "a NOTIFY waits for its own account while a REQUEST has credit",
    "65,536 − 5 × 16,071 = −14,819. A total that is 14,819 higher is not enough; 1 more is. Credit of other accounts does not help.",
    {
      subjects: ["client"],
      limits: { server: { notifyWindow: 65_536 } },
    },
  ).opened();
  for (let count = 1; count <= 5; count++) {
    script
      .do("client", "notify", { method: "log", value: line })
      .client(`NOTIFY ${count}`, notify(LOG, line));
  }
  return script
    .do("client", "notify", { method: "log", value: TWO })
    .do("client", "call", { call: 1, method: "add", value: ONE })
    .client("REQUEST 1", named("REQUEST", 1, call(ADD, ONE)))
    .server("WINDOW of REQUEST", window(REQUESTS, 8_388_608))
    .server("WINDOW of items", window(ITEMS, 8_388_608))
    .server("WINDOW of an unknown account", window(3, 8_388_608))
    .server("WINDOW: at 0", window(NOTIFICATIONS, 65_536 + 14_819))
    .server("WINDOW: above 0", window(NOTIFICATIONS, 65_536 + 14_820))
    .client("NOTIFY, which waited", notify(LOG, TWO));
}

function requestsWait(): Script {
  const value = bin("2e", 16_000);
  const script = new Script(
    "requests wait for the connection's credit",
    "65,536 − 5 × 16,071 = −14,819. A NOTIFY has its own account.",
    {
      subjects: ["client"],
      limits: { server: { connectionWindow: 65_536 } },
    },
  ).opened();
  for (let id = 1; id <= 9; id += 2) {
    script
      .do("client", "call", { call: id, method: "add", value })
      .client(`REQUEST ${id}`, request(id, ADD, value));
  }
  return script
    .do("client", "call", { call: 11, method: "add", value: ONE })
    .do("client", "notify", { method: "log", value: TWO })
    .client("NOTIFY", notify(LOG, TWO))
    .server("WINDOW of NOTIFY", window(NOTIFICATIONS, 2_097_152))
    .server("WINDOW: above 0", window(REQUESTS, 65_536 + 14_820))
    .client("REQUEST 11", request(11, ADD, ONE));
}

function itemsWait(): Script {
  const value = bin("2e", 16_000); // has a charge of 16,069
  const script = new Script(
    "items of all calls wait for account 2",
    "65,536 − 4 × 16,069 = 1,260: no new item begins with the last quarter, 16,384. The second stream has its own credit; a call is not delayed.",
    {
      subjects: ["client"],
      limits: { server: { itemsWindow: 65_536, streamWindow: 131_072 } },
    },
  ).opened()
    .called(1, "sum", request(1, SUM, undefined))
    .called(3, "sum", request(3, SUM, undefined));
  for (let count = 1; count <= 4; count++) {
    script
      .do("client", "send", { call: 1, value })
      .client(`ITEM 1, number ${count}`, item(1, value));
  }
  return script
    .do("client", "send", { call: 3, value: ONE })
    .called(5, "add", request(5, ADD, ONE), { value: ONE })
    .server("WINDOW of NOTIFY", window(NOTIFICATIONS, 2_097_152))
    .server("WINDOW: a quarter is left", window(ITEMS, 64_276 + 16_384))
    .server("WINDOW: more than a quarter", window(ITEMS, 64_276 + 16_385))
    .client("ITEM 3, which waited", item(3, ONE));
}

function harmless(): Script {
  const line = bin("2e", 70_000);
  return new Script(
    "totals that are repeated, lower or 0 are ignored",
    "A total only grows; WINDOW and CREDIT alike, also for a call that is over.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "count", request(1, COUNT, ONE), { value: ONE })
    .client("WINDOW: 0", window(REQUESTS, 0))
    .client("WINDOW: the same", window(NOTIFICATIONS, 1_048_576))
    .client("WINDOW: lower", window(ITEMS, 1))
    .client("CREDIT 1: 0", credit(1, 0))
    .client("CREDIT 1: lower", credit(1, 100))
    .client("CREDIT 1", credit(1, 65_536))
    .client("CREDIT 1: the same", credit(1, 65_536))
    .do("server", "respond", { call: 1 })
    .server("RESULT 1", result(1))
    .client("CREDIT 1: late", credit(1, 0))
    .client("NOTIFY", notify(LOG, line))
    .sees("server", "notified", { method: "log", value: line });
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

function badGrantToCaller(): Script {
  return new Script(
    "a WINDOW of 4 bytes from the server closes the connection too",
    "The rules are the same for both ends.",
    { subjects: ["client"] },
  ).opened()
    .server("WINDOW", named("WINDOW", 0, "00000001"))
    .closedByClient("flow-control");
}

function lateBadGrant(): Script {
  return new Script(
    "a CREDIT of 4 bytes closes the connection even if the call is over",
    "It is never valid.",
    { subjects: ["server"] },
  ).opened()
    .requested(1, "count", request(1, COUNT, ONE), { value: ONE })
    .do("server", "respond", { call: 1 })
    .server("RESULT 1", result(1))
    .client("CREDIT 1", named("CREDIT", 1, "00000001"))
    .closedByServer("flow-control", 1);
}

/** All of them, in the order of PROTOCOL.md. */
export const CREDIT: readonly Conversation[] = [
  slowReader(),
  upload(),
  largerThanWindow(true),
  largerThanWindow(false),
  raised(),
  connection(),
  waitsForWindow(),
  requestsWait(),
  itemsWait(),
  harmless(),
  noEffect(),
  badGrant(
    "a WINDOW of 3 bytes closes the connection",
    "It must be a u64.",
    named("WINDOW", 0, "000001"),
  ),
  ...[REQUESTS, NOTIFICATIONS, ITEMS].map((account) =>
    badGrant(
      `a WINDOW ${
        account === REQUESTS ? "" : `of account ${account} `
      }beyond 2^31 − 1 closes the connection`,
      "Nothing was charged to it.",
      window(account, 2 ** 31),
    )
  ),
  badGrant(
    "a WINDOW of 2^53 closes the connection",
    "Totals are lower.",
    window(REQUESTS, 2 ** 53),
  ),
  badGrant(
    "a CREDIT of 5 bytes closes the connection",
    "It must be a u64.",
    named("CREDIT", 1, "0000000001"),
  ),
  badGrant(
    "a CREDIT beyond 2^31 − 1 closes the connection",
    "Nothing was charged to it.",
    credit(1, 2 ** 31),
  ),
  badGrant(
    "a CREDIT of 2^53 closes the connection",
    "Totals are lower.",
    credit(1, 2 ** 53),
  ),
  badGrantToCaller(),
  lateBadGrant(),
].map((script) => script.conversation);
