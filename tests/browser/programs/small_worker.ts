/**
 * A worker of a page. It has a session with the page's server, and passes the
 * calls of its page on.
 */
import { createServer } from "@lengthwise/lengthwise";
import {
  createClient,
  messagePortConnection,
  serving,
} from "@lengthwise/lengthwise/browser";
import { json } from "@lengthwise/lengthwise/json";
import { Relay, SmallSite } from "./small_site.ts";

const url = new URL("/small", location.href);
url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
const { remote } = createClient(SmallSite, url, {
  codecs: [json()],
  plugins: { serving },
  reconnect: { minDelay: 100, maxDelay: 1_000 },
  handlers: { title: () => "a worker", fail() {}, news() {} },
});
const relay = createServer(Relay, { codecs: [json()] }).handle({
  upper: (text) => remote.upper(text),
  count: (most) => remote.count(most),
  askWorker: () => remote.askPage(),
});
addEventListener("message", (event) => {
  relay.accept(messagePortConnection((event as MessageEvent).data)); // a port
}, { once: true });
