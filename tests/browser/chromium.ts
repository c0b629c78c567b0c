/**
 * A page in a headless Chromium, which reaches no other host.
 *
 * @module
 */
/** The program itself: the script in `/usr/bin` would outlive a signal. */
const CHROMIUM = "/usr/lib/chromium/chromium-headless-shell";

/** Milliseconds after which a page that does not end is given up. */
const PATIENCE = 120_000;

/** A browser that shows one page until it is disposed. */
export class Chromium implements AsyncDisposable {
  /** Resolves with the browser's messages, if it ends by itself or is late. */
  readonly ended: Promise<string>;
  readonly #folder = Deno.makeTempDirSync({ prefix: "lengthwise_chromium_" });
  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<Deno.CommandOutput>;
  readonly #timer: ReturnType<typeof setTimeout>;

  /** @param url address of the page; its host is this machine */
  constructor(url: string) {
    const { hostname } = new URL(url);
    this.#process = new Deno.Command(CHROMIUM, {
      args: [
        "--no-sandbox", // for root, whom Chromium refuses otherwise
        "--disable-gpu",
        "--disable-background-networking",
        `--host-resolver-rules=MAP ${hostname} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
        "--no-proxy-server",
        "--enable-logging=stderr",
        `--user-data-dir=${this.#folder}`,
        "--remote-debugging-port=0", // keeps the browser open
        url,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#output = this.#process.output();
    const late = Promise.withResolvers<void>();
    this.#timer = setTimeout(late.resolve, PATIENCE);
    this.ended = Promise.race([late.promise, this.#output]).then(async () => {
      this.#kill();
      const { stderr } = await this.#output;
      return `Chromium ended or was late:\n${new TextDecoder().decode(stderr)}`;
    });
  }

  #kill(): void {
    try {
      this.#process.kill();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended
    }
  }

  /** Ends the browser. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#kill();
    await this.#output;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
