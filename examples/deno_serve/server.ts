#!/usr/bin/env -S deno serve --parallel --allow-net=127.0.0.1 --host=127.0.0.1
/**
 * A server for `deno serve`: users log in with a cookie or a bearer token, and the
 * threads of `--parallel` share what users say. With `--watch` instead, Deno
 * restarts it when a file changes; clients of `createClient()` connect again.
 *
 * @module
 */
import { CallError, createServer } from "@lengthwise/lengthwise";
import { broadcastChannelBus } from "@lengthwise/lengthwise/bus";
import { upgradeWebSocket } from "@lengthwise/lengthwise/transport";
import { Rooms } from "./rooms.ts";

/** Users by their secret; each thread has a copy. */
const USERS = new Map([["secret-of-ada", "Ada"], ["secret-of-ben", "Ben"]]);

/** Programs send a header, and pages the cookie of their login. */
function secretOf(headers: Headers): string | undefined {
  const [, bearer] = /^Bearer (.+)$/.exec(headers.get("authorization") ?? "") ??
    [];
  const [, cookie] = /(?:^|; )id=([\w-]+)/.exec(headers.get("cookie") ?? "") ??
    [];
  return bearer ?? cookie;
}

const server = createServer(Rooms, {
  bus: broadcastChannelBus("rooms"), // joins the threads
  authenticate(_credentials, { request }) {
    const secret = request && secretOf(request.headers);
    const user = USERS.get(secret ?? "");
    if (user !== undefined) return user;
    throw new CallError("log in first", { code: "unauthenticated" });
  },
  onError() {}, // refused clients are not errors of this program
}).handle({
  whoAmI: (_, { session }) => ({
    user: session.auth,
    instance: server.instance,
  }),
  say(text, { session }) {
    server.broadcast.heard({ user: session.auth, text });
  },
});

export default {
  fetch(request) {
    if (request.headers.get("upgrade") !== "websocket") {
      return new Response("Connect over WebSocket");
    }
    // Pages of other sites would bring the cookie along.
    const origins = [new URL(request.url).origin];
    const { response, connection } = upgradeWebSocket(request, { origins });
    server.accept(connection);
    return response;
  },
} satisfies Deno.ServeDefaultExport;
