/** Conversations about an invalid HELLO. */
import { bin, field, helloBody, int, named, result, utf8 } from "./bytes.ts";
import { CLIENT, type Conversation, Script, SERVER } from "./script.ts";

const D = { role: 0, methods: SERVER } as const;
const L = { role: 1, methods: CLIENT } as const;
const body = helloBody(D);

function hello(body: string, flags = 0): string {
  return named("HELLO", 0, body, flags);
}

/** Writes an invalid HELLO of a client. */
function badHello(
  name: string,
  meaning: string,
  hello: string,
  code: string,
): Script {
  return new Script(name, meaning, { subjects: ["server"] })
    .client("HELLO, invalid", hello)
    .closedByServer(code);
}

/** Writes an invalid HELLO of a server. */
function badAnswer(
  name: string,
  meaning: string,
  answer: string,
  code: string,
): Script {
  const script = new Script(name, meaning, { subjects: ["client"] });
  return script
    .do("client", "start")
    .client("HELLO", script.hello("client"))
    .server("HELLO, invalid", answer)
    .closedByClient(code);
}

function largeCredentials(): Script {
  const script = new Script(
    "credentials of more than 4,096 bytes are refused",
    "They are not decoded.",
    { subjects: ["server"], library: true },
  );
  const entry = field(0x04, bin("61", 4094).hex); // 4,097 bytes
  return script
    .client("HELLO", hello(helloBody({ ...D, entries: [entry] })))
    .closedByServer("too-large");
}

function tooManyMethods(): Script {
  const script = new Script(
    "too many methods close the connection",
    "The server accepts 5, and the client lists 6.",
    { subjects: ["server"], limits: { server: { maxMethods: 5 } } },
  );
  return script
    .client("HELLO with 6 methods", script.hello("client"))
    .closedByServer("protocol");
}

/** All of them, in the order of PROTOCOL.md. */
export const BAD_HELLOS: readonly Conversation[] = [
  badHello(
    "credentials that cannot be decoded are refused",
    "0xc1 is never used in MessagePack.",
    hello(helloBody({ ...D, entries: [field(0x04, "c1")] })),
    "unauthenticated",
  ),
  largeCredentials(),
  badHello(
    "a first frame other than HELLO closes the connection",
    "Nothing may come before HELLO.",
    named("PING", 0, "0102030405060708"),
    "protocol",
  ),
  badHello(
    "another protocol closes the connection",
    "The bytes of HTTP: the first four are a length above every limit.",
    utf8("GET / HTTP/1.1\r\n\r\n"),
    "protocol",
  ),
  badHello(
    "a HELLO with another magic closes the connection",
    '"LWP2" is not "LWP1".',
    hello(utf8("LWP2") + body.slice(8)),
    "protocol",
  ),
  badHello(
    'a different major version is refused with "version"',
    "Version 2.0; the rest of the body is not checked.",
    hello(utf8("LWP1") + "0200" + "ffff"),
    "version",
  ),
  badHello(
    'an unknown codec is refused with "codec"',
    'The server speaks "msgpack".',
    hello(helloBody({ ...D, codec: "cbor" })),
    "codec",
  ),
  badHello(
    "two clients cannot open a session",
    "The role equals the receiver's.",
    hello(helloBody(L)),
    "protocol",
  ),
  badHello(
    "a HELLO with a member below its minimum closes the connection",
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
    "0 is the client, 1 the server.",
    hello(body.slice(0, 12) + "02" + body.slice(14)),
    "protocol",
  ),
  badHello(
    "a truncated HELLO closes the connection",
    "Its last entry claims more bytes than there are.",
    hello(body.slice(0, -2)),
    "protocol",
  ),
  badHello(
    "a HELLO shorter than its fixed members closes the connection",
    "51 bytes.",
    hello(body.slice(0, 102)),
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
    "A second entry PROTOCOL, with 0xff; the last one counts.",
    hello(helloBody({ ...D, entries: [field(0x01, "ff")] })),
    "protocol",
  ),
  badHello(
    "a HELLO of more than 65,536 bytes closes the connection",
    "Unknown entries, beyond the limit.",
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
    "a client closes if the server sends another frame",
    "A RESULT instead of HELLO.",
    result(1, int(1)),
    "protocol",
  ),
  badAnswer(
    "a client closes if the server names another codec",
    "The client's early frames are encoded with the codec that it offered.",
    hello(helloBody({ ...L, codec: "json" })),
    "codec",
  ),
  badAnswer(
    "a client closes if the server claims to be a client",
    "The role equals the receiver's.",
    hello(helloBody(D)),
    "protocol",
  ),
].map((script) => script.conversation);
