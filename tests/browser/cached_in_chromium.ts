/**
 * A page with a small client that the browser keeps in its back/forward cache. Only
 * the whole Chromium has that cache.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { Chromium } from "./chromium.ts";
import { SmallPages } from "./small_pages.ts";

Deno.test("a page that comes back from the back/forward cache connects again", async () => {
  await using pages = new SmallPages();
  await using chromium = await Chromium.start({ whole: true });
  const page = await chromium.open(pages.url());
  await page.evaluate("steps.keep()");
  await page.evaluate("steps.countReturns()");
  for (const returns of [1, 2]) {
    await page.load(`${pages.url()}other`);
    await page.evaluate("history.back()");
    await page.until(`location.pathname === "/" && globalThis.steps`);
    assertEquals(await page.evaluate("steps.returns()"), returns);
    assertEquals(await page.evaluate('steps.upper("back")'), "BACK");
    await pages.untilSessions(1);
  }
  const { events } = await page.evaluate("steps.history()") as { // as the step returns it
    events: string[];
  };
  const again = ["lost", "connecting", "connected"];
  assertEquals(events, [...again, ...again]);
});
