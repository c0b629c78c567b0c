/**
 * A headless Chromium, which reaches no other host, and its pages.
 *
 * @module
 */
import { assert } from "@std/assert";
import { DevTools } from "./dev_tools.ts";

/** The programs themselves: the scripts in `/usr/bin` would outlive a signal. */
const SHELL = "/usr/lib/chromium/chromium-headless-shell";
const WHOLE = "/usr/lib/chromium/chromium";

/** Hosts of pages other than 127.0.0.1, all of which are this machine. */
const HOSTS = ["plain.example", "secure.example"];

/** Milliseconds after which a browser that does not end is ended. */
const PATIENCE = 300_000;

/** Options of a browser. */
export interface ChromiumOptions {
  /** Digest of the key of a certificate that the browser trusts, in base64. */
  trusted?: string;
  /** Whether to start the whole browser, which has more parts. @default {false} */
  whole?: boolean;
  /** More arguments of the program. */
  args?: readonly string[];
}

/** A browser that runs until it is disposed. */
export class Chromium implements AsyncDisposable {
  /** Rejects when the browser ends. */
  readonly failed: Promise<never>;
  readonly #folder: string;
  readonly #process: Deno.ChildProcess;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #tools: DevTools;

  private constructor(
    folder: string,
    process: Deno.ChildProcess,
    tools: DevTools,
  ) {
    this.#folder = folder;
    this.#process = process;
    this.#tools = tools;
    this.#timer = setTimeout(() => kill(process), PATIENCE);
    this.failed = tools.ended.then(() => {
      throw new Error("Chromium has ended, or was too slow");
    });
    this.failed.catch(() => {}); // it is expected at the end
  }

  /** Starts a browser. */
  static async start(
    { trusted, whole = false, args = [] }: ChromiumOptions = {},
  ): Promise<Chromium> {
    const folder = await Deno.makeTempDir({ prefix: "lengthwise_chromium_" });
    const rules = HOSTS.map((host) => `MAP ${host} 127.0.0.1`);
    const process = new Deno.Command(whole ? WHOLE : SHELL, {
      args: [
        ...whole ? ["--headless=new"] : [],
        "--no-sandbox", // for root, whom Chromium refuses otherwise
        "--disable-gpu",
        "--disable-background-networking",
        `--host-resolver-rules=${rules}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
        "--no-proxy-server",
        `--user-data-dir=${folder}`,
        "--remote-debugging-port=0",
        ...trusted === undefined
          ? []
          : [`--ignore-certificate-errors-spki-list=${trusted}`],
        ...args,
        "about:blank",
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      const url = await toolsUrl(`${folder}/DevToolsActivePort`);
      return new Chromium(folder, process, await DevTools.connect(url));
    } catch (error) {
      kill(process);
      await process.status;
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /**
   * Opens a page in a window of its own.
   *
   * @param options whether it has cookies of its own, and the size of the window
   */
  async open(
    url: string,
    { isolated = false, ...size }: {
      isolated?: boolean;
      width?: number;
      height?: number;
    } = {},
  ): Promise<Page> {
    const context = isolated
      ? await this.#tools.send("Target.createBrowserContext")
      : {};
    const { targetId } = await this.#tools.send("Target.createTarget", {
      url: "about:blank",
      newWindow: true,
      ...context,
      ...size,
    });
    const { sessionId } = await this.#tools.send("Target.attachToTarget", {
      targetId,
      flatten: true,
    });
    const page = new Page(this.#tools, `${targetId}`, `${sessionId}`);
    await page.load(url);
    return page;
  }

  /** Ends the browser. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    kill(this.#process);
    await this.#process.status;
    await this.#tools.ended;
    await removeFolder(this.#folder);
  }
}

/** A page in a window. */
export class Page {
  readonly #tools: DevTools;
  readonly #target: string;
  readonly #session: string;

  /** @param target the page @param session the connection to it */
  constructor(tools: DevTools, target: string, session: string) {
    this.#tools = tools;
    this.#target = target;
    this.#session = session;
  }

  /** Sends a command to the page; its result may be anything. */
  send(
    method: string,
    parameters: object = {},
  ): Promise<Record<string, unknown>> {
    return this.#tools.send(method, parameters, this.#session);
  }

  /** Loads an address, and waits for its modules. */
  async load(url: string): Promise<void> {
    await this.whileLoading(async () => {
      const { errorText } = await this.send("Page.navigate", { url });
      assert(errorText === undefined, `${url}: ${errorText}`);
    });
  }

  /** Does what makes the page load another one, and waits for that. */
  async whileLoading(act: () => Promise<unknown>): Promise<void> {
    await this.send("Page.enable");
    const loaded = this.#tools.once("Page.loadEventFired", this.#session);
    await act();
    await loaded;
  }

  /** Waits until an expression is true. */
  async until(condition: string): Promise<void> {
    for (let tries = 0; !await this.evaluate(condition); tries++) {
      if (tries === 250) {
        throw new Error(`it was not true within 10 s: ${condition}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  /**
   * Evaluates an expression, under the policy of the page, and waits for its value.
   *
   * @returns a value that JSON can state
   * @throws {Error} if the expression throws or rejects
   */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
      userGesture: true,
      allowUnsafeEvalBlockedByCSP: false,
    });
    if (exceptionDetails !== undefined) {
      throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    }
    return (result as { value?: unknown }).value; // as the DevTools protocol says
  }

  /** Minimizes the window of the page, or restores it. */
  async show(visible: boolean): Promise<void> {
    const targetId = this.#target;
    const { windowId } = await this.#tools.send("Browser.getWindowForTarget", {
      targetId,
    });
    const windowState = visible ? "normal" : "minimized";
    await this.#tools.send("Browser.setWindowBounds", {
      windowId,
      bounds: { windowState },
    });
    await this.evaluate(
      `new Promise((done) => {
        const check = () => {
          if (document.visibilityState === "${
        visible ? "visible" : "hidden"
      }") done();
        };
        document.addEventListener("visibilitychange", check);
        check();
      })`,
    );
  }

  /** Takes the page off the network, or brings it back. */
  async setOnline(online: boolean): Promise<void> {
    await this.send("Network.emulateNetworkConditions", {
      offline: !online,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: -1,
    });
  }

  /** Returns a picture of the page, as PNG. */
  async picture(): Promise<Uint8Array<ArrayBuffer>> {
    const { data } = await this.send("Page.captureScreenshot");
    return Uint8Array.from(atob(`${data}`), (char) => char.charCodeAt(0));
  }

  /** Closes the page. */
  async close(): Promise<void> {
    await this.#tools.send("Target.closeTarget", { targetId: this.#target });
  }
}

/** Returns the address of the tools of a browser that starts. */
async function toolsUrl(file: string): Promise<string> {
  for (let tries = 0; tries < 1_000; tries++) {
    const text = await Deno.readTextFile(file).catch(() => "");
    const [port, path] = text.split("\n");
    if (path) return `ws://127.0.0.1:${port}${path}`;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("Chromium has not started within 20 s");
}

/** Removes the folder of a browser whose last processes may still write. */
async function removeFolder(folder: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      return await Deno.remove(folder, { recursive: true });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  await Deno.remove(folder, { recursive: true });
}

function kill(process: Deno.ChildProcess): void {
  try {
    process.kill();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended
  }
}
