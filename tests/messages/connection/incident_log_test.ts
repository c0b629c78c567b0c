import { assert, assertEquals } from "@std/assert";
import { IncidentLog } from "../../../lib/messages/connection/incident_log.ts";
import { newIncidentId } from "../../../lib/messages/errors/incident_report.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Returns the lines that the function prints with `console.error`. */
function printed(print: () => void): string[] {
  const lines: string[] = [];
  const { error } = console;
  console.error = (...args: unknown[]) => void lines.push(args.join(" "));
  try {
    print();
  } finally {
    console.error = error;
  }
  return lines;
}

const incident = (error: unknown) => ({ id: "1", method: "f", error });

Deno.test("print() escapes a peer's text and indents its lines", none, () => {
  const log = new IncidentLog();
  const hostile = new Error("\x1b[2J\x07\nIncident 2: forged", {
    cause: new Error("\u202eright to left"),
  });
  const [text] = printed(() => log.print(incident(hostile), 0));
  assertEquals(/\p{Cc}|\u202e/u.test(text!.replaceAll("\n", "")), false);
  assert(text!.includes("\\u{1b}[2J\\u{7}\n    Incident 2: forged"), text);
  assert(text!.includes("\n    Caused by: Error: \\u{202e}right"), text);
});

Deno.test("print() limits rate and length, and counts the rest", none, () => {
  const log = new IncidentLog();
  const all = printed(() => {
    for (let n = 0; n < 1000; n++) log.print(incident("x".repeat(100_000)), 0);
    log.print(incident("later"), 1000);
  });
  assertEquals(all.length, 21);
  assert(all.every(({ length }) => length < 8300));
  assertEquals(
    all.at(-1),
    "(980 incidents before this one were not printed)\nIncident 1 in f: later",
  );
});

Deno.test("print() prints any value that was thrown", none, () => {
  const log = new IncidentLog();
  const odd = Object.assign(new Error("odd"), { stack: 7 });
  const loop = new Error("loop");
  loop.cause = loop;
  const hostile = {
    toString() {
      throw new Error("no");
    },
  };
  const lines = printed(() => {
    for (const error of [undefined, odd, loop, hostile]) {
      log.print(incident(error), 0);
    }
  });
  assertEquals(lines.length, 4);
  assertEquals(lines[1], "Incident 1 in f: Error: odd");
  assertEquals(lines[2]!.split("Caused by").length, 5);
  assertEquals(lines[3], "Incident 1 in f: a thrown value that has no text");
});

Deno.test("newIncidentId() needs no crypto.randomUUID", none, () => {
  const { randomUUID } = crypto;
  // deno-lint-ignore no-explicit-any -- as on a page on plain http
  (crypto as any).randomUUID = undefined;
  try {
    const ids = Array.from({ length: 100 }, newIncidentId);
    assertEquals(new Set(ids).size, 100);
    for (const id of ids) {
      assert(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
          .test(id),
        id,
      );
    }
  } finally {
    crypto.randomUUID = randomUUID;
  }
});
