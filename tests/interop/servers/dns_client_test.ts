/**
 * The client of the DNS example against a real DNS server with the same zone as
 * the example's server: both must return the same responses.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { DnsClient } from "../../../examples/dns/client.ts";
import { type Message, Rcode } from "../../../examples/dns/message.ts";
import { Zone } from "../../../examples/dns/zone.ts";
import { lines, QUESTIONS, RECORDS } from "./dns_zone.ts";
import { startNsd } from "./nsd_server.ts";
import { output } from "./programs.ts";

Deno.test("the DNS example queries a DNS server", async (t) => {
  await using server = await startNsd();
  const address = { hostname: "127.0.0.1", port: server.port };

  await t.step(
    "query() receives the zone's records for every name",
    async () => {
      const zone = new Zone(RECORDS);
      await using client = await DnsClient.connect(address);
      for (const [name, type] of QUESTIONS) {
        const response = await client.query(name, type);
        const { answers, authorities, rcode } = zone.lookup(name, type);
        assertEquals(summary(response), {
          rcode,
          authoritative: rcode !== Rcode.REFUSED,
          answers: lines(answers),
          denial: lines(authorities),
        }, `${name} ${type}`);
      }
    },
  );

  await t.step(
    "query() can be called for all questions at once",
    async () => {
      await using client = await DnsClient.connect(address);
      const responses = await Promise.all(
        QUESTIONS.map(([name, type]) => client.query(name, type)),
      );
      for (const [i, [name, type]] of QUESTIONS.entries()) {
        const question = responses[i]?.questions[0];
        assertEquals([question?.name, question?.type], [name, type]);
      }
    },
  );

  await t.step("query() reads a response of 50,000 bytes", async () => {
    await using client = await DnsClient.connect(address);
    const { answers } = await client.query("large.example.test", "TXT");
    assertEquals(answers.length, 200);
    assert(answers.every(({ data: [text] }) => `${text}`.length > 240));
  });

  await t.step(
    "query() receives REFUSED for names outside the zone",
    async () => {
      await using client = await DnsClient.connect(address);
      const { rcode } = await client.query("example.org", "A");
      assertEquals(rcode, Rcode.REFUSED);
    },
  );

  await t.step("main.ts prints the response", async () => {
    const { code, stdout, stderr } = await output(Deno.execPath(), [
      "run",
      "--frozen",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "examples/dns/main.ts",
      "query",
      "www.example.test",
      "a",
      "--port",
      `${server.port}`,
    ]);
    assertEquals({ code, stdout, stderr }, {
      code: 0,
      stdout: `; www.example.test. A: NOERROR
www.example.test. 3600 IN CNAME example.test.
example.test. 3600 IN A 192.0.2.80
`,
      stderr: "",
    });
  });
});

function summary({ rcode, authoritative, answers, authorities }: Message) {
  return {
    rcode,
    authoritative,
    answers: lines(answers),
    denial: lines(authorities.filter(({ type }) => type === "SOA")),
  };
}
