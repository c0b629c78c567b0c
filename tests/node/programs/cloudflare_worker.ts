/**
 * A module of Cloudflare Workers: a server over WebSocket, and a client of the
 * server whose URL is in the query.
 */
import { connect } from "@lengthwise/lengthwise";
import { webSocketConnection } from "@lengthwise/lengthwise/transport";
import { callTexts, createTexts } from "../texts_peer.ts";
import { Texts } from "./texts.ts";

/** A class of Cloudflare Workers. */
declare const WebSocketPair: new () => {
  0: WebSocket;
  1: WebSocket & { accept(): void };
};

/** Accepts the session that a request opens. */
function upgrade(request: Request): Response {
  const { 0: webSocket, 1: socket } = new WebSocketPair();
  socket.accept();
  void createTexts().accept(webSocketConnection(socket));
  const [offered] = request.headers.get("sec-websocket-protocol")?.split(",") ??
    [];
  const init = {
    status: 101,
    webSocket, // a member of Cloudflare Workers
    ...(offered && { headers: { "sec-websocket-protocol": offered } }),
  };
  return new Response(null, init);
}

export default {
  async fetch(request: Request): Promise<Response> {
    if (request.headers.get("upgrade") === "websocket") return upgrade(request);
    const url = new URL(request.url).searchParams.get("server") ?? "";
    if (url === "") return new Response("ready");
    const tcp = await connect(Texts, { port: 9 }, {
      handlers: { reverse: (text) => text },
    }).catch(({ code, cause }) => cause?.code ?? code);
    await callTexts(url);
    return new Response(`ok, TCP is ${tcp}`);
  },
};
