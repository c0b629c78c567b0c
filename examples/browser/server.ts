#!/usr/bin/env -S deno run --allow-net=127.0.0.1 --allow-read=examples/browser --allow-run=deno
/**
 * A chat with rooms, for browsers, beside `Deno.serve`: pages that log in get a
 * cookie, which authenticates their sessions. Prints the address of the page;
 * an argument is the port.
 *
 * @module
 */
import {
  CallError,
  createServer,
  type ServerSession,
} from "@lengthwise/lengthwise";
import { json } from "@lengthwise/lengthwise/json";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
import { Chat, type Line, MAX_TEXT, ROOMS } from "./chat.ts";

/** Number of lines that a room remembers. */
const MEMORY = 50;
/** Seconds for which a login is valid. */
const LOGIN_SECONDS = 12 * 3600;

// ── logins ───────────────────────────────────────────────────────────────

/** Logins by the random id in their cookie. A real site has a database. */
const logins = new Map<string, { name: string; until: number }>();

/** Returns the login of a request, by its cookie. */
function loginOf(headers: Headers): { id: string; name: string } | undefined {
  const cookies = headers.get("cookie") ?? "";
  const id = /(?:^|; )chat=([\w-]+)/.exec(cookies)?.[1] ?? "";
  const login = logins.get(id);
  if (login === undefined || login.until < Date.now()) return undefined;
  return { id, name: login.name };
}

/** Returns the header that sets the cookie, or removes it. */
function cookie(request: Request, id: string, seconds: number): string {
  // Scripts cannot read it, and pages of other sites do not send it.
  const secure = request.url.startsWith("https:") ? "; Secure" : "";
  return `chat=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`;
}

async function logIn(request: Request): Promise<Response> {
  const name = String((await request.formData()).get("name")).trim();
  if (!/^\P{C}{1,20}$/u.test(name)) {
    return new Response("Bad name", { status: 400 });
  }
  const now = Date.now();
  for (const [id, { until }] of logins) if (until < now) logins.delete(id);
  const id = crypto.randomUUID();
  logins.set(id, { name, until: now + LOGIN_SECONDS * 1000 });
  return goTo("/", { "set-cookie": cookie(request, id, LOGIN_SECONDS) });
}

function logOut(request: Request): Response {
  const login = loginOf(request.headers);
  logins.delete(login?.id ?? "");
  for (const session of chat.sessions) {
    if (session.auth.id === login?.id) session.close("logged out");
  }
  return goTo("/login", { "set-cookie": cookie(request, "", 0) });
}

// ── the chat ─────────────────────────────────────────────────────────────

type Session = ServerSession<
  typeof Chat,
  { id: string; name: string },
  { room: string }
>;

const memory = new Map<string, Line[]>(ROOMS.map((room) => [room, []]));

const chat = createServer(Chat, {
  codecs: [json()],
  authenticate(_credentials, { request }) {
    const login = request && loginOf(request.headers);
    if (login !== undefined) return login;
    throw new CallError("Log in first", { code: "unauthenticated" });
  },
  state: () => ({ room: "" }),
  onSession(session) {
    // A session that has ended is in no topic any more.
    session.finished.then(() => announce(session.state.room));
  },
}).handle({
  enter(room, { session }) {
    const lines = memory.get(room);
    if (lines === undefined) {
      throw new CallError(`There is no room "${room}"`, { code: "invalid" });
    }
    const before = session.state.room;
    session.state.room = room;
    if (before !== room) {
      chat.topic(before).unsubscribe(session);
      announce(before);
    }
    chat.topic(room).subscribe(session);
    announce(room);
    return { you: session.auth.name, lines };
  },
  say(text, { session }) {
    const { room } = session.state;
    const lines = memory.get(room);
    if (lines === undefined) {
      throw new CallError("Enter a room first", {
        code: "invalid",
      });
    }
    if (text.trim() === "" || text.length > MAX_TEXT) {
      throw new CallError(`A line has 1 to ${MAX_TEXT} characters`, {
        code: "invalid",
      });
    }
    const line = { from: session.auth.name, text, at: Date.now() };
    lines.push(line);
    if (lines.length > MEMORY) lines.shift();
    chat.topic(room).publish.said(line);
  },
});

/** Sends the people in a room the names of all; several tabs count once. */
function announce(room: string): void {
  const topic = chat.topic(room);
  const names = new Set(
    [...topic.sessions].map(({ auth }: Session) => auth.name),
  );
  topic.publish.present([...names].sort());
}

// ── the site ─────────────────────────────────────────────────────────────

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; " +
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

/** Returns a file of this folder. */
async function file(name: string, type: string): Promise<Response> {
  const body = await Deno.readFile(new URL(name, import.meta.url));
  return new Response(body, { headers: { ...HEADERS, "content-type": type } });
}

/** Returns the script of the page and its imports as one file. */
async function bundle(): Promise<Uint8Array<ArrayBuffer>> {
  const { success, stdout, stderr } = await new Deno.Command("deno", {
    args: ["bundle", "--quiet", "--platform=browser", "--minify", "page.ts"],
    cwd: new URL(".", import.meta.url),
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return stdout;
}

function goTo(path: string, headers: Record<string, string>): Response {
  return new Response(null, {
    status: 303,
    headers: { location: path, ...headers },
  });
}

const script = await bundle();

Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0] ?? 8000),
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}/`),
}, (request) => {
  const { pathname, origin } = new URL(request.url);
  if (request.method === "POST") {
    // A form of another site must not log anyone in or out.
    if (request.headers.get("origin") !== origin) {
      return new Response("Wrong origin", { status: 403 });
    }
    if (pathname === "/login") return logIn(request);
    if (pathname === "/logout") return logOut(request);
  }
  switch (pathname) {
    case "/":
      return loginOf(request.headers) === undefined
        ? goTo("/login", {})
        : file("chat.html", "text/html; charset=utf-8");
    case "/login":
      return file("login.html", "text/html; charset=utf-8");
    case "/style.css":
      return file("style.css", "text/css");
    case "/page.js":
      return new Response(script, {
        headers: { ...HEADERS, "content-type": "text/javascript" },
      });
    case "/session": {
      // Pages of other sites cannot connect, even if the cookie came along.
      const { response, connection } = upgradeWebSocket(request, {
        origins: [origin],
      });
      chat.accept(connection);
      return response;
    }
  }
  return new Response("Not found", { status: 404 });
});
