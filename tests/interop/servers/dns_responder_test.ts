/**
 * The responder of the DNS example, queried by a real DNS client: BIND's `dig`
 * (Debian package `bind9-dnsutils`).
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { listen } from "../../../lib/transport/mod.ts";
import { Rcode } from "../../../examples/dns/message.ts";
import { serveZone } from "../../../examples/dns/responder.ts";
import { Zone } from "../../../examples/dns/zone.ts";
import { lines, QUESTIONS, RECORDS } from "./dns_zone.ts";
import { findProgram, succeed } from "./programs.ts";

/** No IDN conversion, no configuration file, one attempt. */
const PLAIN = [
  "-r",
  "+tcp",
  "+noidnin",
  "+noidnout",
  "+tries=1",
  "+time=10",
  "+norecurse",
];

const STATUS: ReadonlyMap<string, number> = new Map(Object.entries(Rcode));

Deno.test("dig queries the DNS example", async (t) => {
  const dig = findProgram("dig", "bind9-dnsutils");
  const zone = new Zone(RECORDS);
  const server = await listen({ port: 0 });
  const { port } = server.addr;
  const problems: unknown[] = [];
  const serving = serveZone(server, zone, {
    onError: (error) => problems.push(error),
  });
  const ask = (...args: string[]) =>
    succeed(dig, [...PLAIN, "@127.0.0.1", "-p", `${port}`, ...args]);
  try {
    await t.step("dig reads the zone's records for every name", async () => {
      const file = await Deno.makeTempFile({ prefix: "lengthwise-" });
      const questions = QUESTIONS.map((words) => `${words.join(" ")}\n`);
      await Deno.writeTextFile(file, questions.join(""));
      const printed = await ask(
        ...["+noall", "+comments", "+answer", "+authority", "+noedns"],
        ...["+keepopen", "-f", file],
      ).finally(() => Deno.remove(file));
      const responses = printed.split(/^;; Got answer:$/m).slice(1);
      assertEquals(responses.length, QUESTIONS.length);
      for (const [i, [name, type]] of QUESTIONS.entries()) {
        const { rcode, answers, authorities } = zone.lookup(name, type);
        assertEquals(parse(responses[i] ?? ""), {
          rcode,
          authoritative: rcode !== Rcode.REFUSED,
          records: lines([...answers, ...authorities]),
        }, `${name} ${type}`);
      }
    });
    for (const { name, args, expected } of EXCHANGES) {
      await t.step(`dig ${name}`, async () => {
        const printed = await ask(...args);
        assertMatch(printed, expected);
        assert(!/warning|malformed|mismatch|extra/i.test(printed), printed);
      });
    }
  } finally {
    server.close();
    await serving;
  }
  assertEquals(problems, []);
});

Deno.test("dig queries main.ts of the DNS example until it is interrupted", async () => {
  const dig = findProgram("dig", "bind9-dnsutils");
  const program = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--frozen", "--no-prompt", "--allow-net=127.0.0.1"],
      ...["examples/dns/main.ts", "serve", "--port", "0"],
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000),
  }).spawn();
  const output = program.stdout.pipeThrough(new TextDecoderStream());
  const lines = output[Symbol.asyncIterator]();
  const { value: greeting = "" } = await lines.next();
  const [, port = ""] = /port (\d+)\n$/.exec(greeting) ?? [];
  const printed = await succeed(dig, [
    ...PLAIN,
    ...["@127.0.0.1", "-p", port, "+short", "www.example.test", "A"],
  ]).finally(() => program.kill("SIGINT"));
  assertEquals(printed, "example.test.\n192.0.2.80\n");
  assertEquals((await lines.next()).done, true);
  assertEquals(await new Response(program.stderr).text(), "");
  assertEquals((await program.status).code, 0);
});

/** Exchanges that are not about the zone alone. */
const EXCHANGES = [
  {
    name: "receives options if it sends any",
    args: ["www.example.test", "A"],
    expected: /status: NOERROR[^]*OPT PSEUDOSECTION:\n; EDNS: version: 0,/,
  },
  {
    name: "receives no options if it sends none",
    args: ["+noedns", "www.example.test", "A"],
    expected: /ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 0/,
  },
  {
    name: "receives BADVERS for options of version 1",
    args: ["+edns=1", "+noednsnegotiation", "example.test", "A"],
    expected: /status: BADVERS[^]*EDNS: version: 0/,
  },
  {
    name: "receives a response of 50,000 bytes",
    args: ["large.example.test", "TXT"],
    expected: /ANSWER: 200,[^]*MSG SIZE {2}rcvd: [45]\d{4}\n/,
  },
  {
    name: "receives all records of a name",
    args: ["+noedns", "example.test", "ANY"],
    expected: /status: NOERROR[^]* ANSWER: 6,/,
  },
  {
    name: "receives REFUSED for a zone transfer",
    args: ["example.test", "AXFR"],
    expected: /Transfer failed/,
  },
  {
    name: "receives REFUSED for another class",
    args: ["version.bind", "TXT", "CHAOS"],
    expected: /status: REFUSED/,
  },
  {
    name: "receives NOTIMP for other opcodes",
    args: ["+opcode=STATUS", "example.test", "A"],
    expected: /opcode: STATUS, status: NOTIMP/,
  },
  {
    name: "receives FORMERR without a question",
    args: ["+header-only", "example.test", "A"],
    expected: /status: FORMERR/,
  },
];

/** One response as `dig` prints it. */
function parse(printed: string) {
  const [, status = ""] = /status: (\w+),/.exec(printed) ?? [];
  const [, flags = ""] = /^;; flags: ([\w ]*);/m.exec(printed) ?? [];
  return {
    rcode: STATUS.get(status),
    authoritative: flags.split(" ").includes("aa"),
    records: printed.split("\n")
      .filter((text) => text !== "" && !text.startsWith(";"))
      // Tabs separate the columns; no text begins with a tab.
      .map((text) => text.replace(/\t+/g, " ").toLowerCase())
      .sort(),
  };
}
