/** One frame of each kind, and its contents. */
import {
  call,
  cancel,
  credit,
  deadline,
  error,
  field,
  fields,
  frame,
  goaway,
  helloBody,
  IGNORABLE,
  int,
  item,
  map,
  metadata,
  MORE,
  named,
  notify,
  REPLY,
  request,
  result,
  retryAfter,
  spread,
  str,
  uint,
  UNSETTLED,
  utf8,
  window,
} from "./bytes.ts";
import {
  ADD,
  type Bytes,
  CLIENT,
  compress,
  CREATE,
  LOG,
  SERVER,
  SUM,
} from "./script.ts";

/** A frame and its contents. */
export interface FrameVector {
  /** Kind, and anything special about the frame. */
  name: string;
  /** Number of the kind. */
  kind: number;
  /** Flag bits. */
  flags: number;
  /** Id. */
  id: number;
  /** The whole frame, including the length. */
  bytes: Bytes;
  /** Members of the body, by their names in PROTOCOL.md. */
  says: Record<string, unknown>;
}

function vector(
  name: string,
  hex: string,
  says: Record<string, unknown> = {},
): FrameVector {
  return {
    name,
    kind: parseInt(hex.slice(8, 10), 16),
    flags: parseInt(hex.slice(10, 12), 16),
    id: parseInt(hex.slice(12, 24), 16),
    bytes: compress(hex),
    says,
  };
}

const LIMITS = {
  maxFrameBody: 131_072,
  maxMessage: 4_194_304,
  maxCalls: 1024,
  streamWindow: 32_768,
  connectionWindow: 4_194_304,
  heartbeat: 15_000,
  notifyWindow: 1_048_576,
  itemsWindow: 4_194_304,
  maxAssembly: 8_388_608,
};

const SHAPES = [
  "unary",
  "notification",
  "serverStream",
  "clientStream",
  "duplex",
];

function listed(methods: typeof SERVER): unknown {
  return methods.map(([name, shape, hash]) => ({
    name,
    shape: SHAPES[shape],
    hash,
  }));
}

const TOKEN = map({ token: str("s3cret") });
const DATA = map({ left: int(2) });

/** All frames, in the order of their numbers. */
export const FRAMES: readonly FrameVector[] = [
  vector(
    "HELLO of a client, with credentials",
    named(
      "HELLO",
      0,
      helloBody({
        role: 0,
        methods: SERVER,
        entries: [
          field(0x04, TOKEN.hex),
          field(0x06, utf8("vectors/1")),
        ],
      }),
    ),
    {
      ...{ version: "1.0", role: "client", features: 0, ...LIMITS },
      protocolHash: 0x1badcafe,
      protocol: "demo",
      agent: "vectors/1",
      codecs: ["msgpack"],
      methods: listed(SERVER),
      auth: TOKEN.json,
      mismatches: [],
    },
  ),
  vector(
    "HELLO of a server, with mismatches and a spread",
    named(
      "HELLO",
      0,
      helloBody({
        role: 1,
        methods: CLIENT,
        entries: [field(0x05, "000101" + "000402"), field(0x0e, "000007d0")],
      }),
    ),
    {
      ...{ version: "1.0", role: "server", features: 0, ...LIMITS },
      protocolHash: 0x1badcafe,
      protocol: "demo",
      agent: "",
      codecs: ["msgpack"],
      methods: listed(CLIENT),
      mismatches: [
        { method: 1, reason: "shape" },
        { method: CREATE, reason: "schema" },
      ],
      spread: 2000,
    },
  ),
  vector(
    "HELLO of a server, with ids of the session and the instance",
    named(
      "HELLO",
      0,
      helloBody({
        role: 1,
        methods: CLIENT,
        entries: [
          field(0x07, "00112233445566778899aabbccddeeff"),
          field(0x08, "ffeeddccbbaa99887766554433221100"),
        ],
      }),
    ),
    {
      ...{ version: "1.0", role: "server", features: 0, ...LIMITS },
      protocolHash: 0x1badcafe,
      protocol: "demo",
      agent: "",
      codecs: ["msgpack"],
      methods: listed(CLIENT),
      mismatches: [],
      session: "00112233445566778899aabbccddeeff",
      instance: "ffeeddccbbaa99887766554433221100",
    },
  ),
  vector("GOAWAY with an error", goaway("flow-control", 7, "no credit"), {
    ...{ code: "flow-control", lastId: 7, text: "no credit" },
  }),
  vector("GOAWAY, first of a drain", goaway("drain", UNSETTLED, "draining"), {
    ...{ code: "drain", lastId: UNSETTLED, text: "draining" },
  }),
  vector(
    "GOAWAY of a drain, with fields",
    goaway("drain", 7, "bye", retryAfter(250), spread(2000)),
    { code: "drain", lastId: 7, text: "bye", retryAfter: 250, spread: 2000 },
  ),
  vector("PING", named("PING", 0, "0123456789abcdef"), {
    bytes: "0123456789abcdef",
  }),
  vector("PONG", named("PONG", 0, "0123456789abcdef"), {
    bytes: "0123456789abcdef",
  }),
  vector(
    "PING with a position",
    named("PING", 0, "0123456789abcdef" + uint(41, 8)),
    { bytes: "0123456789abcdef0000000000000029" },
  ),
  vector("ACK", named("ACK", 0, uint(41, 8)), { position: 41 }),
  vector("WINDOW", window(0, 5_242_880), { total: 5_242_880 }),
  vector("WINDOW of all items", window(2, 2 ** 53 - 1), {
    total: 2 ** 53 - 1,
  }),
  vector("AUTH", named("AUTH", 1, TOKEN.hex), { value: TOKEN.json }),
  vector("AUTH with REPLY", named("AUTH", 1, "", REPLY)),
  vector("REQUEST", request(1, ADD, DATA), {
    ...{ method: ADD, value: DATA.json },
  }),
  vector(
    "REQUEST with fields",
    request(
      2 ** 48 - 1,
      ADD,
      DATA,
      deadline(2500),
      metadata({ lang: "de", trace: "é" }),
    ),
    {
      method: ADD,
      timeout: 2500,
      metadata: { lang: "de", trace: "é" },
      value: DATA.json,
    },
  ),
  vector("REQUEST without an opening", request(3, SUM, undefined), {
    method: SUM,
  }),
  vector(
    "REQUEST, first part",
    named("REQUEST", 5, call(ADD, DATA).slice(0, 12), MORE),
  ),
  vector("ITEM", item(3, int(300)), { value: 300 }),
  vector("END", named("END", 3)),
  vector("RESULT", result(3, str("ok"), metadata({ cost: "4" })), {
    ...{ metadata: { cost: "4" }, value: "ok" },
  }),
  vector("RESULT of a stream", result(3)),
  vector(
    "ERROR, declared",
    error(3, {
      code: "declared",
      processed: "yes",
      declared: "outOfStock",
      text: "two left",
      data: DATA,
    }),
    {
      code: "declared",
      processed: "yes",
      retry: "never",
      declared: "outOfStock",
      message: "two left",
      data: DATA.json,
    },
  ),
  vector(
    "ERROR, internal",
    error(3, {
      code: "internal",
      processed: "yes",
      incident: "4711-a",
      text: "failed",
    }),
    {
      code: "internal",
      processed: "yes",
      retry: "never",
      incident: "4711-a",
      message: "failed",
    },
  ),
  vector(
    "ERROR, overloaded",
    error(3, {
      code: "overloaded",
      processed: "no",
      retry: "later",
      retryAfter: 2000,
      text: "busy",
    }),
    {
      code: "overloaded",
      processed: "no",
      retry: "later",
      retryAfter: 2000,
      message: "busy",
    },
  ),
  vector("CANCEL", cancel(3), { reason: "cancelled" }),
  vector("CANCEL, deadline", cancel(3, 1), { reason: "deadline" }),
  vector("CREDIT", credit(3, 33_337), { total: 33_337 }),
  vector("NOTIFY", notify(LOG, str("hi")), { method: LOG, value: "hi" }),
  vector("an unknown kind that is ignorable", frame(0x6e, 9, "", IGNORABLE)),
  vector(
    "unknown fields",
    named("ITEM", 3, fields(field(0x6f, "00"), field(0x70, "")) + "07"),
    {
      value: 7,
    },
  ),
];
