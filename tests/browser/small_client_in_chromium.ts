/**
 * Clients of the entry `./browser` in Chromium, on pages under a policy that
 * forbids `eval`.
 *
 * @module
 */
import "reflect-metadata"; // @peculiar/x509 needs it loaded first
import { X509Certificate } from "@peculiar/x509";
import { assert, assertEquals } from "@std/assert";
import { Chromium } from "./chromium.ts";
import { authority } from "../transport/tls/certificates.ts";
import { SmallPages } from "./small_pages.ts";

const MIB = 1024 * 1024;

/** Makes calls of each shape with a codec, on a page that is open. */
const CALLED = {
  upper: "HELLO",
  count: 12_497_500,
  joined: "abc",
  double: 42,
  ended: true,
  seen: 1,
  title: "Small pages",
  failure: "internal",
  pages: 1,
  late: "deadline",
  news: ["spring"],
};

Deno.test("small clients on pages of a browser", async (t) => {
  const host = "secure.example";
  const certified = await authority.issue({
    subject: `CN=${host}`,
    names: [{ type: "dns", value: host }],
  });
  const { publicKey } = new X509Certificate(certified.cert);
  const digest = await crypto.subtle.digest("SHA-256", publicKey.rawData);
  await using pages = new SmallPages();
  await using securePages = new SmallPages(certified);
  await using chromium = await Chromium.start({
    trusted: btoa(String.fromCharCode(...new Uint8Array(digest))),
  });
  const urls = [
    pages.url(),
    pages.url("plain.example"),
    securePages.url(host),
  ];

  for (const url of urls) {
    await t.step(`make all calls and handle some at ${url}`, async () => {
      const page = await chromium.open(url);
      const trusted = !url.includes("plain");
      assertEquals(await page.evaluate("steps.environment()"), {
        evaluates: false,
        secure: trusted,
        uuid: trusted,
      });
      for (const codec of ["json", "msgpack"]) {
        assertEquals(await page.evaluate(`steps.calls("${codec}")`), CALLED);
      }
      await page.close();
    });
  }

  await t.step("upload 100 MiB and show the progress", async () => {
    const page = await chromium.open(pages.url());
    const outcome = await page.evaluate("steps.upload(100)");
    const { result, bar, ahead } = outcome as { // as the step returns it
      result: number;
      bar: number;
      ahead: number;
    };
    assertEquals([result, bar], [100 * MIB, 1]);
    assert(ahead <= 20 * MIB, `the bar was ${ahead} bytes ahead`);
    await page.close();
  });

  await t.step("survive a restart", async () => {
    const page = await chromium.open(pages.url());
    await page.evaluate("steps.keep()");
    await pages.stop();
    pages.start();
    assertEquals(await page.evaluate('steps.upper("again")'), "AGAIN");
    await page.close();
  });

  await t.step("connect at once when they may reach the server", async () => {
    const page = await chromium.open(pages.url());
    await page.evaluate("steps.keep(60_000)"); // no attempt in time by itself
    const msUntilConnected = async (event: string) => {
      pages.start();
      await page.evaluate(`steps.listen("${event}")`);
      if (event === "online") await page.setOnline(true);
      else await page.show(true);
      return Number(await page.evaluate("steps.untilConnected()"));
    };
    for (const event of ["online", "visibilitychange"]) {
      if (event === "online") await page.setOnline(false);
      else await page.show(false);
      await pages.stop();
      await page.evaluate('steps.event("lost")');
      const ms = await msUntilConnected(event);
      assert(ms < 2_000, `connected ${ms} ms after ${event}`);
      await page.evaluate("steps.history().events.length = 0");
    }
    await page.close();
  });

  await t.step("share the session of a worker", async () => {
    const page = await chromium.open(pages.url());
    assertEquals(await page.evaluate("steps.worker()"), {
      upper: "HELLO",
      count: 12_497_500,
      title: "a worker",
    });
    await pages.stop();
    pages.start();
    assertEquals(await page.evaluate('steps.relayed("again")'), "AGAIN");
    await page.close();
    await pages.untilSessions(0);
  });

  await t.step("end with their pages", async () => {
    const page = await chromium.open(pages.url());
    for (const end of ["leave", "close"]) {
      await page.load(pages.url());
      await page.evaluate("steps.keep()");
      await pages.untilSessions(1);
      if (end === "leave") await page.load("about:blank");
      else await page.close();
      await pages.untilSessions(0);
    }
  });
});
