/** Conversations about calls that fail. */
import {
  deadline,
  error,
  field,
  fields,
  int,
  map,
  metadata,
  named,
  request,
  uint,
} from "./bytes.ts";
import { ADD, type Conversation, LOG, Script } from "./script.ts";

const ONE = int(1), TWO = int(2);
const CUT = uint(ADD, 2) + "0008" + "010004";

/** Writes a REQUEST that is refused while the connection stays open. */
function refused(
  name: string,
  meaning: string,
  hex: string,
  code: string,
): Script {
  return new Script(name, meaning, { subjects: ["server"] }).opened()
    .client("REQUEST 1", hex)
    .server("ERROR 1", error(1, { code, processed: "no" }))
    .requested(3, "add", request(3, ADD, ONE), { value: ONE });
}

/** Writes a reply, and the failure that the caller reports. */
function answered(
  name: string,
  meaning: string,
  answer: string,
  seen: Record<string, unknown>,
): Script {
  return new Script(name, meaning, { subjects: ["client"] }).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .server("the reply", answer)
    .sees("client", "failed", { call: 1, retry: "never", ...seen });
}

function failing(
  name: string,
  meaning: string,
  parts: Parameters<typeof error>[1],
): Script {
  return new Script(name, meaning).opened()
    .called(1, "add", request(1, ADD, ONE), { value: ONE })
    .do("server", "fail", {
      call: 1,
      ...parts,
      ...(parts.data === undefined ? {} : { data: parts.data.json }),
    })
    .server("ERROR 1", error(1, parts))
    .sees("client", "failed", {
      call: 1,
      retry: "never",
      ...parts,
      ...(parts.data === undefined ? {} : { data: parts.data.json }),
    });
}

function requestedNotification(): Script {
  return new Script(
    "a REQUEST for a notification is refused",
    "Notifications use NOTIFY.",
    { subjects: ["server"] },
  ).opened()
    .client("REQUEST 1: log", request(1, LOG, ONE))
    .server("ERROR 1", error(1, { code: "unimplemented", processed: "no" }));
}

/** All of them, in the order of PROTOCOL.md. */
export const ERRORS: readonly Conversation[] = [
  failing(
    "a declared error has a name and data",
    "Code 0: an error of the application, not of the protocol.",
    {
      code: "declared",
      processed: "yes",
      declared: "outOfStock",
      data: map({ left: TWO }),
      text: "only two left",
    },
  ),
  failing(
    "an undeclared failure is only an incident",
    "The id links the caller's error to the callee's log.",
    { code: "internal", processed: "yes", incident: "4711-a", text: "failed" },
  ),
  failing(
    "a handler may ask for a retry later",
    "RETRY_AFTER is in ms.",
    {
      code: "overloaded",
      processed: "no",
      retry: "later",
      retryAfter: 2000,
      text: "busy",
    },
  ),
  refused(
    "a REQUEST with malformed fields is refused",
    "The block claims 8 bytes, and there are 3.",
    named("REQUEST", 1, CUT),
    "malformed",
  ),
  refused(
    "a REQUEST whose deadline is not 4 bytes is refused",
    "DEADLINE is a u32.",
    request(1, ADD, ONE, field(0x01, "000001")),
    "malformed",
  ),
  refused(
    "a REQUEST with truncated metadata is refused",
    "The key claims 9 bytes.",
    request(1, ADD, ONE, field(0x02, "0961")),
    "malformed",
  ),
  refused(
    "a REQUEST with too much metadata is refused",
    "More than 8 KiB, with the default limits.",
    request(1, ADD, ONE, metadata({ a: "x".repeat(8_200) })),
    "malformed",
  ),
  refused(
    "a REQUEST whose deadline has passed is refused",
    "0 ms are left.",
    request(1, ADD, ONE, deadline(0)),
    "deadline",
  ),
  requestedNotification(),
  answered(
    "an unknown code is treated as internal",
    "An unknown processed is treated as maybe, an unknown retry as never.",
    named("ERROR", 1, "c8090900" + fields(field(0x10, "6f64"))),
    { code: "internal", processed: "maybe" },
  ),
  answered(
    "data that cannot be decoded is left out of an error",
    "The error is reported without its data.",
    named("ERROR", 1, "00020000" + fields(field(0x12, "61")) + "c1"),
    { code: "declared", processed: "yes", declared: "a" },
  ),
  answered(
    "a malformed RESULT fails the call",
    "The block of fields is longer than the frame.",
    named("RESULT", 1, "00ff01"),
    { code: "malformed", processed: "maybe" },
  ),
  answered(
    "a malformed ERROR fails the call",
    "It ends within its fixed members.",
    named("ERROR", 1, "0500"),
    { code: "malformed", processed: "maybe" },
  ),
].map((script) => script.conversation);
