/**
 * The example `examples/browser/` in Chromium: people who log in, meet in rooms,
 * leave, and cannot do anything from pages of other sites.
 *
 * With `PICTURES`, the path of a folder, it stores pictures of the pages.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { Chromium, type Page } from "./chromium.ts";

const pictures = Deno.env.get("PICTURES");

/** Starts the server; returns its process and the port of the page. */
async function start(): Promise<{ process: Deno.ChildProcess; port: string }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--frozen", "--allow-net=127.0.0.1"],
      ...["--allow-read=examples/browser", "--allow-run=deno"],
      ...["examples/browser/server.ts", "0"],
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  let printed = "";
  for await (
    const text of process.stdout.pipeThrough(new TextDecoderStream())
  ) {
    printed += text;
    if (printed.includes("/\n")) break;
  }
  assertMatch(printed, /^http:\/\/127\.0\.0\.1:\d+\/\n$/);
  return { process, port: new URL(printed.trim()).port };
}

/** Sets a field and submits its form, as a person does. */
async function fill(page: Page, id: string, value: string): Promise<void> {
  await page.evaluate(`document.getElementById("${id}").focus()`);
  await page.send("Input.insertText", { text: value });
  await page.evaluate(
    `document.getElementById("${id}").form.querySelector("button").click()`,
  );
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.whileLoading(() => fill(page, "name", name));
  await page.until(`document.getElementById("you").textContent === "${name}"`);
}

/** Waits until the people of the room are these. */
async function untilPresent(page: Page, ...names: string[]): Promise<void> {
  await page.until(`[...document.querySelectorAll("#people li")]
    .map(({ textContent }) => textContent).join() === "${names}"`);
}

/** Waits until the lines of the room are these. */
async function untilLines(page: Page, ...lines: string[]): Promise<void> {
  await page.until(`JSON.stringify([...document.querySelectorAll("#log span")]
    .map(({ textContent }) => textContent)) === ${
    JSON.stringify(JSON.stringify(lines))
  }`);
}

/** Returns the controls of a page that have no name for assistive technology. */
async function unnamed(page: Page): Promise<unknown[]> {
  const { nodes } = await page.send("Accessibility.getFullAXTree") as { // as the DevTools protocol says
    nodes: { role: { value: string }; name?: { value: string } }[];
  };
  const controls = ["button", "link", "textbox", "log", "navigation"];
  const found = nodes.filter(({ role }) => controls.includes(role.value));
  assertEquals(found.length > 1, true, "the page has no controls");
  return found.filter(({ name }) => !name?.value);
}

Deno.test("people chat in rooms, in pages of their own", async () => {
  const { process, port } = await start();
  const url = `http://127.0.0.1:${port}/`;
  try {
    await using chromium = await Chromium.start();
    const size = { width: 1_000, height: 640 };
    const ada = await chromium.open(url, { isolated: true, ...size });
    assertEquals(await ada.evaluate("location.pathname"), "/login");
    assertEquals(await unnamed(ada), []);
    await store(ada, "login");
    await logIn(ada, "Ada");
    assertEquals(await ada.evaluate("document.cookie"), ""); // scripts cannot read it
    const ben = await chromium.open(url, {
      isolated: true,
      width: 380,
      height: 640,
    });
    await logIn(ben, "Ben");
    await untilPresent(ada, "Ada", "Ben");
    await untilPresent(ben, "Ada", "Ben");

    const html = "<img src=x onerror=alert(1)> & so on";
    await fill(ada, "text", "The roses are out");
    await untilLines(ben, "The roses are out");
    await fill(ben, "text", html);
    await untilLines(ada, "The roses are out", html);
    assertEquals(
      await ada.evaluate('document.querySelector("#log img")'),
      null,
    );
    assertEquals(await unnamed(ada), []);
    await store(ada, "chat");
    await store(ben, "narrow");

    // Another room, and back.
    await ben.evaluate(
      'document.querySelector("#rooms [href=\\"#kitchen\\"]").click()',
    );
    await untilPresent(ben, "Ben");
    await untilPresent(ada, "Ada");
    await fill(ben, "text", "Soup is ready");
    await untilLines(ben, "Soup is ready");
    await ben.evaluate("history.back()");
    await untilLines(ben, "The roses are out", html);
    await untilPresent(ada, "Ada", "Ben");

    // A room that does not exist, and a reload.
    await ben.evaluate('location.hash = "cellar"; 0');
    await ben.until(
      'document.getElementById("room").textContent === "garden"',
    );
    await ben.whileLoading(() => ben.send("Page.reload"));
    await untilLines(ben, "The roses are out", html);
    await untilPresent(ada, "Ada", "Ben");

    // Pages that close, log out, or belong to another site.
    await ben.close();
    await untilPresent(ada, "Ada");
    const other = await chromium.open(`http://plain.example:${port}/login`);
    assertEquals(
      await other.evaluate(`new Promise((resolve) => {
        const socket = new WebSocket("ws://127.0.0.1:${port}/session");
        socket.onopen = () => resolve("open");
        socket.onerror = () => resolve("refused");
      })`),
      "refused",
    );
    await ada.whileLoading(() =>
      ada.evaluate('document.querySelector("header button").click()')
    );
    assertEquals(await ada.evaluate("location.pathname"), "/login");
  } finally {
    process.kill();
    await process.status;
  }
});

async function store(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  await Deno.writeFile(`${pictures}/${name}.png`, await page.picture());
}
