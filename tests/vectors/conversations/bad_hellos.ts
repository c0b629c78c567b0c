/** Conversations about a HELLO that does not do. */
import { field, helloBody, int, named, result, utf8 } from "./bytes.ts";
import { CLIENT, type Conversation, Script, SERVER } from "./script.ts";

const D = { role: 0, methods: SERVER } as const;
const L = { role: 1, methods: CLIENT } as const;
const body = helloBody(D);

function hello(body: string, flags = 0): string {
  return named("HELLO", 0, body, flags);
}

/** A client's HELLO that is at fault. */
function badHello(
  name: string,
  meaning: string,
  hello: string,
  code: string,
): Script {
  return new Script(name, meaning, { subjects: ["server"] })
    .d("HELLO, at fault", hello)
    .closedByServer(code);
}

/** A server's HELLO that is at fault. */
function badAnswer(
  name: string,
  meaning: string,
  answer: string,
  code: string,
): Script {
  const script = new Script(name, meaning, { subjects: ["client"] });
  return script
    .do("client", "start")
    .d("HELLO", script.hello("client"))
    .l("HELLO, at fault", answer)
    .closedByClient(code);
}

function tooManyMethods(): Script {
  const script = new Script(
    "more methods than the limit close the connection",
    "Here the server takes 5, and the client lists 6.",
    { subjects: ["server"], limits: { server: { maxMethods: 5 } } },
  );
  return script
    .d("HELLO with 6 methods", script.hello("client"))
    .closedByServer("protocol");
}

/** In the order of the document. */
export const BAD_HELLOS: readonly Conversation[] = [
  badHello(
    "credentials that cannot be decoded are refused",
    "0xc1 is never used in MessagePack.",
    hello(helloBody({ ...D, entries: [field(0x04, "c1")] })),
    "unauthenticated",
  ),
  badHello(
    "a first frame that is no HELLO closes the connection",
    "Nothing may stand in front of it.",
    named("PING", 0, "0102030405060708"),
    "protocol",
  ),
  badHello(
    "another protocol closes the connection",
    "The bytes of HTTP: their first four are a length over every limit.",
    utf8("GET / HTTP/1.1\r\n\r\n"),
    "protocol",
  ),
  badHello(
    "a HELLO with another magic closes the connection",
    '"LWP2" is no "LWP1".',
    hello(utf8("LWP2") + body.slice(8)),
    "protocol",
  ),
  badHello(
    "another major version is refused by that name",
    "Version 2.0; the rest of the body is not looked at.",
    hello(utf8("LWP1") + "0200" + "ffff"),
    "version",
  ),
  badHello(
    "an unknown codec is refused by that name",
    'The server speaks "msgpack".',
    hello(helloBody({ ...D, codec: "cbor" })),
    "codec",
  ),
  badHello(
    "two clients cannot talk",
    "The role is the receiver's own.",
    hello(helloBody(L)),
    "protocol",
  ),
  badHello(
    "a HELLO below a least value closes the connection",
    "maxFrameBody 16,383.",
    hello(helloBody({ ...D, limits: { maxFrameBody: 16_383 } })),
    "protocol",
  ),
  badHello(
    "a HELLO with a limit of 2^31 closes the connection",
    "Credit beyond 2^31 − 1 could not be granted.",
    hello(helloBody({ ...D, limits: { connectionWindow: 2 ** 31 } })),
    "protocol",
  ),
  badHello(
    "a HELLO with an unknown role closes the connection",
    "0 dials, 1 listens.",
    hello(body.slice(0, 12) + "02" + body.slice(14)),
    "protocol",
  ),
  badHello(
    "a HELLO that is cut closes the connection",
    "Its last entry claims more than there is.",
    hello(body.slice(0, -2)),
    "protocol",
  ),
  badHello(
    "a HELLO shorter than its fixed members closes the connection",
    "39 bytes.",
    hello(body.slice(0, 78)),
    "protocol",
  ),
  badHello(
    "a HELLO with an unknown shape closes the connection",
    "There are five: 0 to 4.",
    hello(helloBody({ ...D, methods: [["add", 5, 0]] })),
    "protocol",
  ),
  badHello(
    "a HELLO whose names are not UTF-8 closes the connection",
    "The entry PROTOCOL once more, with 0xff; the last one counts.",
    hello(helloBody({ ...D, entries: [field(0x01, "ff")] })),
    "protocol",
  ),
  badHello(
    "a HELLO of more than 65,536 bytes closes the connection",
    "Entries that nobody knows, beyond the limit.",
    hello(helloBody({
      ...D,
      entries: [
        field(0x7d, "00".repeat(65_000)),
        field(0x7e, "00".repeat(600)),
      ],
    })),
    "too-large",
  ),
  tooManyMethods(),
  badAnswer(
    "a server that answers with anything else loses the client",
    "A RESULT in place of HELLO.",
    result(1, int(1)),
    "protocol",
  ),
  badAnswer(
    "a server that answers in another codec loses the client",
    "What the client has sent is encoded with the codec that it offered.",
    hello(helloBody({ ...L, codec: "json" })),
    "codec",
  ),
  badAnswer(
    "a server that claims to have dialled loses the client",
    "The role is the receiver's own.",
    hello(helloBody(D)),
    "protocol",
  ),
].map((script) => script.conversation);
