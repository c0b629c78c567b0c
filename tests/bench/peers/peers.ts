/**
 * The systems that `deno task bench:peers` compares.
 *
 * @module
 */

/** A system, and how its two processes run. */
export interface Peer {
  /** Name in options and results. */
  readonly name: string;
  /** Name and transport in tables and the chart. */
  readonly title: string;
  /** The runtime that it is made for. */
  readonly runtime: "Deno" | "Node.js" | "Go";
  /** The program in `programs/`, which says how the peer is tuned and why. */
  readonly program: string;
  /** Whether it has server streams. */
  readonly streams: boolean;
  /** Debian packages that it needs. */
  readonly packages?: readonly string[];
}

/** All peers; the others are compared with the first. */
export const PEERS: readonly Peer[] = [
  {
    name: "bare",
    title: "bare: a hand-written loop",
    runtime: "Deno",
    program: "bare.ts",
    streams: true,
  },
  {
    name: "lengthwise",
    title: "Lengthwise",
    runtime: "Deno",
    program: "lengthwise.ts",
    streams: true,
  },
  node("rsocket", "rsocket-js, TCP, msgpackr"),
  node("capnweb", "capnweb, length-prefixed TCP"),
  node("birpc", "birpc, length-prefixed TCP, msgpackr", false),
  node("grpc", "grpc-js"),
  node("connect_es", "connect-es, gRPC"),
  node("socketio", "Socket.IO, WebSocket", false),
  node("orpc", "oRPC, WebSocket"),
  node("trpc", "tRPC, WebSocket"),
  node("vscode_jsonrpc", "vscode-jsonrpc, TCP"),
  {
    ...node("nats", "nats.js through nats-server, JSON"),
    packages: ["nats-server"],
  },
  {
    name: "http_json",
    title: "Deno.serve and fetch, JSON",
    runtime: "Deno",
    program: "http_json.ts",
    streams: true,
  },
  {
    name: "netrpc",
    title: "Go net/rpc, TCP, gob",
    runtime: "Go",
    program: "go",
    streams: false,
    packages: ["golang-go"],
  },
];

function node(name: string, title: string, streams = true): Peer {
  return { name, title, runtime: "Node.js", program: `${name}.mjs`, streams };
}
