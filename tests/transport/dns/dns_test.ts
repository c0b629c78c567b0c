import { dns, type DnsOptions } from "@lengthwise/lengthwise/dns";
import { TransportError } from "@lengthwise/lengthwise/transport";
import { virtualTime } from "@lengthwise/lengthwise/testing";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";

/** Reads the lists of a name for some time. */
async function lists(
  answers: (readonly string[] | Error)[],
  options: Partial<DnsOptions> = {},
) {
  using time = virtualTime();
  const controller = new AbortController();
  let asked = 0;
  const source = dns("shop.example", {
    port: 7000,
    refresh: 1_000,
    lookup(name) {
      assertEquals(name, "shop.example");
      const answer = answers[Math.min(asked++, answers.length - 1)]!;
      return answer instanceof Error
        ? Promise.reject(answer)
        : Promise.resolve(answer);
    },
    ...options,
  })(controller.signal);
  const received: unknown[] = [];
  const reading = (async () => {
    for await (const list of source) received.push(list);
  })();
  await time.advance((answers.length - 1) * 1_000);
  controller.abort();
  await time.run(reading);
  return { received, asked };
}

const at = (hostname: string) => ({ hostname, port: 7000 });

Deno.test("dns() reports a list when it has changed", async () => {
  const { received, asked } = await lists([
    ["10.0.0.1", "10.0.0.2", "10.0.0.1"],
    ["10.0.0.2", "10.0.0.1"], // name servers rotate their answers
    ["10.0.0.2", "2001:db8::3"],
  ]);
  assertEquals(received, [
    [at("10.0.0.1"), at("10.0.0.2")],
    [at("10.0.0.2"), at("2001:db8::3")],
  ]);
  assertEquals(asked, 3);
});

Deno.test("dns() keeps the last list while look-ups fail or find nothing", async () => {
  const { received } = await lists([
    ["10.0.0.1"],
    new Error("no name server"),
    [],
    ["10.0.0.1"],
    ["10.0.0.2"],
  ]);
  assertEquals(received, [[at("10.0.0.1")], [at("10.0.0.2")]]);
});

Deno.test("dns() asks for the certificate of the name, not of an address", async () => {
  const { received } = await lists([["10.0.0.1"]], { tls: { caCerts: [] } });
  const tls = { serverName: "shop.example", caCerts: [] };
  assertEquals(received, [[{ ...at("10.0.0.1"), tls }]]);
});

Deno.test("dns() fails if its first look-up fails or finds nothing", async () => {
  const cause = Object.assign(new Error("?"), { code: "ENOTFOUND" });
  const cases: [() => Promise<string[]>, message: string][] = [
    [() => Promise.reject(cause), "Cannot look up shop.example"],
    [() => Promise.resolve([]), "shop.example: it has no addresses"],
  ];
  for (const [lookup, message] of cases) {
    const { signal } = new AbortController();
    const source = dns("shop.example", { port: 1, lookup })(signal);
    const error = await assertRejects(
      () => source[Symbol.asyncIterator]().next(),
      TransportError,
      message,
    );
    assertEquals(error.code, "not-found");
  }
});

Deno.test("dns() looks names up as the operating system does", async () => {
  const controller = new AbortController();
  const source = dns("localhost", { port: 1, family: 4 })(controller.signal);
  for await (const list of source) {
    assertEquals(list, [{ hostname: "127.0.0.1", port: 1 }]);
    controller.abort();
  }
});

Deno.test("dns() rejects options that have no meaning", () => {
  const rejects = (options: object, message: string) =>
    assertThrows(
      () => dns("a", options as DnsOptions), // a JavaScript program's
      RangeError,
      message,
    );
  rejects({}, "'port' must be an integer from 1 to 65535");
  rejects({ port: 1, refresh: 99 }, "'refresh'");
  rejects({ port: 1, family: 5 }, "'family' must be 0, 4 or 6");
  assertThrows(() => dns("", { port: 1 }), TypeError, "empty name");
});
