/**
 * Small clients in pages that are hidden for more than a minute. Chromium runs the
 * timers of one once a minute, and freezes the other.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Chromium } from "./chromium.ts";
import { SmallPages } from "./small_pages.ts";

const MIB = 1024 * 1024;

/** Makes Chromium delay timers by a minute after 10 s, not only after 5 minutes. */
const DELAYED = [
  "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/10",
];
/** Milliseconds for which the page is hidden. */
const HIDDEN = 80_000;
/** Milliseconds between broadcasts. */
const INTERVAL = 2_000;

Deno.test("a page that is hidden for 80 s keeps its session, a frozen one connects again", async () => {
  await using pages = new SmallPages();
  await using frozenPages = new SmallPages();
  await using chromium = await Chromium.start({ args: DELAYED });
  const frozen = await chromium.open(frozenPages.url());
  await frozen.evaluate("steps.keep()");
  await frozen.show(false);
  await frozen.send("Page.setWebLifecycleState", { state: "frozen" });
  const page = await chromium.open(pages.url());
  await page.evaluate("steps.keep()");
  await page.evaluate("steps.measureTimers()");
  await page.show(false);
  const hiddenAt = Date.now();
  const waiting = page.evaluate("steps.wait(70_000)");

  const sent: number[] = [];
  while (Date.now() - hiddenAt < HIDDEN - 20_000) {
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    sent.push(Date.now());
    assertEquals(
      await pages.sessions.broadcast.news(`${sent.length}`),
      1,
    );
  }
  // Timers are delayed now.
  const begun = Date.now();
  assertEquals(await page.evaluate('steps.upper("hidden")'), "HIDDEN");
  const call = Date.now() - begun;
  const connected = Number(await page.evaluate("steps.connect()"));
  const upload = await page.evaluate("steps.upload(20)") as { // as the step returns it
    result: number;
    took: number;
  };
  assertEquals(await waiting, "waited");
  const left = hiddenAt + HIDDEN - Date.now();
  await new Promise((resolve) => setTimeout(resolve, left));
  const latest = Number(await page.evaluate("steps.latest()"));
  const { events, news } = await page.evaluate("steps.history()") as { // as the step returns it
    events: string[];
    news: { text: string; at: number }[];
  };
  await page.show(true);

  assert(latest > 30_000, `timers were at most ${latest} ms late`);
  assertEquals(events, []); // the session was never lost
  assertEquals(news.map(({ text }) => text), sent.map((_, n) => `${n + 1}`));
  const delays = news.map(({ at }, n) => at - sent[n]!); // there are as many
  assert(Math.max(...delays) < 1_000, `news was late: ${delays} ms`);
  assert(call < 1_000, `a call took ${call} ms`);
  assert(connected < 3_000, `another client took ${connected} ms`);
  assertEquals(upload.result, 20 * MIB);
  assert(upload.took < 10_000, `an upload took ${upload.took} ms`);
  assertEquals(await page.evaluate('steps.upper("shown")'), "SHOWN");
  assertEquals(pages.sessions.stats.sessions.opened, 3);

  const { open, ended } = frozenPages.sessions.stats.sessions;
  assertEquals([open, ended], [0, { timeout: 1 }]); // it answered no PING
  await frozen.send("Page.setWebLifecycleState", { state: "active" });
  await frozen.show(true);
  assertEquals(await frozen.evaluate('steps.upper("thawed")'), "THAWED");
});
