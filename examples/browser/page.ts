/**
 * The script of the page: a client of the chat.
 *
 * @module
 */
import {
  CallError,
  createClient,
  serving,
} from "@lengthwise/lengthwise/browser";
import { json } from "@lengthwise/lengthwise/json";
import { Chat, type Line, ROOMS } from "./chat.ts";

const rooms = element("rooms");
const people = element("people");
const log = element("log");
const status = element("status");
const problem = element("problem");
const form = element("say", HTMLFormElement);
const text = element("text", HTMLInputElement);

let room = roomInAddress();

const url = new URL("/session", location.href);
url.protocol = url.protocol === "https:" ? "wss:" : "ws:";

// The browser sends the cookie of the login with the request.
const client = createClient(Chat, url, {
  codecs: [json()],
  plugins: { serving },
  handlers: {
    said: (line) => show(line),
    present(names) {
      people.replaceChildren(...names.map((name) => item(name)));
    },
  },
  // Each session enters the room, also after a lost connection.
  onSession: async ({ remote }) => showRoom(await remote.enter(room)),
});

const STATES = {
  "connecting": "Connecting …",
  "backing-off": "No connection; trying again …",
  "connected": "Connected",
  "resuming": "Connecting again …",
  "refused": "Logged out",
  "closed": "Closed",
} as const;

async function showStatus(): Promise<void> {
  for await (const { status: state } of client.events()) {
    status.textContent = STATES[state];
    status.dataset.state = state;
    if (state === "refused") location.assign("/login"); // the cookie is not valid
  }
}

function show({ from, text, at }: Line): void {
  const line = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = new Date(at).toISOString();
  time.textContent = new Date(at).toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
  });
  const name = document.createElement("b");
  name.textContent = from;
  const words = document.createElement("span");
  words.textContent = text; // as text: what others say is never HTML
  line.append(name, time, words);
  log.append(line);
  line.scrollIntoView({ block: "end" });
}

function showRoom({ you, lines }: { you: string; lines: Line[] }): void {
  element("you").textContent = you;
  element("room").textContent = room;
  document.title = `${room} · Chat`;
  log.replaceChildren();
  for (const line of lines) show(line);
  for (const link of rooms.querySelectorAll("a")) {
    if (link.hash === `#${room}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function showProblem(error: unknown): void {
  problem.textContent = error instanceof CallError
    ? error.message
    : "Something went wrong";
}

for (const name of ROOMS) {
  const link = document.createElement("a");
  link.href = `#${name}`;
  link.textContent = name;
  rooms.append(item(link));
}

addEventListener("hashchange", async () => {
  room = roomInAddress();
  try {
    showRoom(await client.remote.enter(room));
    problem.textContent = "";
  } catch (error) {
    showProblem(error);
  }
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await client.remote.say(text.value);
    text.value = problem.textContent = "";
  } catch (error) {
    showProblem(error);
  }
});

await showStatus();

/** Returns the room in the address, to which a reload returns. */
function roomInAddress(): string {
  return ROOMS.find((name) => location.hash === `#${name}`) ?? ROOMS[0];
}

function item(content: string | Node): HTMLLIElement {
  const item = document.createElement("li");
  item.append(content);
  return item;
}

function element(id: string): HTMLElement;
function element<T extends HTMLElement>(id: string, type: new () => T): T;
function element(id: string, type: new () => HTMLElement = HTMLElement) {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`the page has no #${id}`);
}
