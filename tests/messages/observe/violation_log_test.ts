import {
  assertEquals,
  assertNotStrictEquals,
  assertStrictEquals,
} from "@std/assert";
import { SessionError } from "../../../lib/messages/errors/call_error.ts";
import {
  isViolation,
  ViolationLog,
} from "../../../lib/messages/observe/violation_log.ts";

const error = new SessionError("a bad frame", { code: "protocol" });
const violation = () => ({ session: "s1", error, peer: "p1", recording: [] });

Deno.test("ViolationLog reports every 10 s, and counts the others", () => {
  const reports: number[] = [];
  const log = new ViolationLog(({ omitted }) => void reports.push(omitted));
  for (const ms of [5, 10_004, 10_005, 20_004, 20_004, 20_005, 30_005]) {
    log.add(violation, ms);
  }
  assertEquals(reports, [0, 1, 2, 0]);
});

Deno.test("ViolationLog prints by default, and says how many it has left out", () => {
  const { error: print } = console;
  const lines: string[] = [];
  console.error = (line: string) => void lines.push(line);
  try {
    const log = new ViolationLog();
    for (const ms of [0, 1, 10_000, 20_000]) log.add(violation, ms);
  } finally {
    console.error = print;
  }
  const text = "Session s1 with p1 ended by a violation: a bad frame";
  assertEquals(lines.map((line) => line.split("\n")[0]), [
    text,
    `${text} (1 more since the last report)`,
    text,
  ]);
});

Deno.test("ViolationLog prints no control characters of a peer", () => {
  const { error: print } = console;
  let line = "";
  console.error = (text: string) => void (line = text);
  try {
    new ViolationLog().add(() => ({
      session: "s1",
      error: new SessionError("a\u001b]0;b\u0007\u202e", { code: "protocol" }),
      peer: "unix:\u001b[1m\u009b",
      recording: [{
        ...{ at: 0, direction: "sent", kind: "\u001b[2m", flags: 0, id: 0 },
        length: 1,
      }],
    }), 0);
  } finally {
    console.error = print;
  }
  assertEquals(
    line,
    String
      .raw`Session s1 with unix:\u{1b}[1m\u{9b} ended by a violation: a\u{1b}]0;b\u{7}\u{202e}` +
      "\n       +0.0 ms → \\u{1b}[2m 1 B",
  );
});

Deno.test("ViolationLog.ofClients() has one log for each callback", () => {
  const one = () => {};
  const log = ViolationLog.ofClients(one);
  assertStrictEquals(ViolationLog.ofClients(one), log);
  assertStrictEquals(ViolationLog.ofClients(), ViolationLog.ofClients());
  assertNotStrictEquals(ViolationLog.ofClients(() => {}), log);
});

Deno.test("isViolation() is true for the faults of a peer only", () => {
  const codes = ["protocol", "flow-control", "too-large", "too-many"] as const;
  for (const code of [...codes, "closed", "disconnected", "timeout"] as const) {
    const made = new SessionError("x", { code });
    assertEquals(isViolation(made), codes.some((other) => other === code));
  }
});
