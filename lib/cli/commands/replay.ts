/**
 * The command `replay`: makes the calls of a capture again.
 *
 * @module
 */
import { bytes } from "../../messages/codec/bytes.ts";
import { CodecError } from "../../messages/codec/errors.ts";
import { json } from "../../messages/codec/json.ts";
import type { MessageCodec } from "../../messages/codec/message_codec.ts";
import { msgpack } from "../../messages/codec/msgpack.ts";
import type { ClientSession } from "../../messages/client/client_session.ts";
import { CallError } from "../../messages/errors/call_error.ts";
import type { AnyProtocol } from "../../messages/protocol/protocol_types.ts";
import { FILTER_HELP, parseFilter } from "../capture/filter.ts";
import { type RecordedCall, recordedCalls } from "../capture/recorded_calls.ts";
import {
  describeTarget,
  openSession,
  readTarget,
  type Target,
} from "../connecting.ts";
import { callableMethods, describeServer } from "../described_server.ts";
import {
  callerOf,
  type DynamicCallOptions,
  type DynamicStream,
  protocolOf,
  replyOf,
} from "../dynamic_method.ts";
import { CliError, EXIT, usage } from "../errors.ts";
import {
  CONNECT_FLAGS,
  type Flags,
  GENERAL_FLAGS,
  parseFlags,
} from "../flags.ts";
import type { CommandHelp } from "../help.ts";
import type { Io } from "../io.ts";
import { Printer } from "../output.ts";
import { countOf, formatMs, parseNumber } from "../quantities.ts";
import { readFileBytes } from "../secrets.ts";
import { printableName } from "../../messages/support/printable.ts";
import { sendsItems } from "../../messages/session/calls/call_state.ts";

const FLAGS = {
  to: { type: "string", value: "url", summary: "address of the server" },
  speed: {
    type: "string",
    value: "1",
    summary: "1 for the recorded pace, 2 for twice the pace, or max",
  },
  filter: {
    type: "string",
    value: "terms",
    summary: "calls to make; see below",
  },
  yes: {
    type: "boolean",
    summary: "also make calls of methods that are not idempotent",
  },
} as const satisfies Flags;

/** Help of the command. */
export const HELP: CommandHelp = {
  usage: "replay <x.pcapng> --to <url> [flags]",
  examples: [
    [
      "replay x.pcapng --to tcp://localhost:7000 --filter 'method:price'",
      "repeat the calls of a method",
    ],
    [
      "replay x.pcapng --to tcp://localhost:7000 --speed max --yes",
      "repeat everything, as fast as possible",
    ],
  ],
  notes:
    `The file was written by tap --bodies full --write. Methods are found by their
names, and each recorded connection gets one of its own; ids, deadlines and
credentials are new. The exit code is 4 if a call has another outcome than in
the recording.

${FILTER_HELP}`,
  flags: { ...FLAGS, ...CONNECT_FLAGS },
};

/** Calls in flight with `--speed max`. */
const MAX_IN_FLIGHT = 64;

/** Runs the command. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, positionals } = await parseFlags(
    { ...FLAGS, ...CONNECT_FLAGS, ...GENERAL_FLAGS },
    args,
    [1, 1],
  );
  const [path = ""] = positionals;
  if (flags.to === undefined) throw usage("replay needs --to", HELP.usage);
  const printer = new Printer(io, flags);
  const speed = flags.speed === "max"
    ? Infinity
    : parseNumber("speed", flags.speed ?? "1");
  const filter = parseFilter(flags.filter ?? "");
  const target = await readTarget(flags.to, flags, io);
  const calls = recordedCalls(await readFileBytes(path, io), filter);
  await printer.detail(describeTarget(target));
  await check(calls, target, flags.yes ?? false, io);
  const replay = new Replay(calls, target, io);
  const items = printer.stream();
  let different = 0;
  try {
    await replay.run(speed, async (result) => {
      if (result.outcome !== result.recorded && !result.cancelled) different++;
      if (printer.format === "pretty") await printer.print(lineOf(result));
      else await items.item(result);
    });
  } finally {
    await items.end();
  }
  await printer.note(
    `${countOf(calls.length, "call")}, ${different} with another outcome`,
  );
  return different === 0 ? EXIT.ok : EXIT.no;
}

/**
 * Checks that the server has the methods, and that repeating is harmless.
 *
 * @throws {CliError} if it is not
 */
async function check(
  calls: readonly RecordedCall[],
  target: Target,
  yes: boolean,
  io: Io,
): Promise<void> {
  const known = new Map(
    callableMethods(await describeServer(target, io))
      .map((method) => [method.name, method]),
  );
  const needed = new Map(calls.map((call) => [call.method, call.shape]));
  const missing = [...needed].filter(([name, shape]) =>
    known.get(name)?.shape !== shape
  );
  if (missing.length > 0) {
    throw new CliError(
      `The server lacks ${namesOf(missing)}, or has another shape of it`,
      { code: "no", hint: "leave it out: --filter '!method:name'" },
    );
  }
  const harmful = [...needed].filter(([name]) => !known.get(name)?.idempotent);
  if (harmful.length > 0 && !yes) {
    throw usage(
      `Cannot repeat ${namesOf(harmful)}: not declared idempotent`,
      "confirm with --yes, or leave it out: --filter '!method:name'",
    );
  }
}

function namesOf(methods: readonly (readonly [name: string, ...unknown[]])[]) {
  return methods.map(([name]) => printableName(name)).join(", ");
}

/** Result of one call. */
interface ReplayedCall {
  readonly method: string;
  readonly connection: number;
  /** Time at which it was made, in ms from the beginning. */
  readonly at: number;
  readonly ms: number;
  readonly outcome: string;
  readonly recorded: string | undefined;
  readonly cancelled: boolean;
}

function lineOf(
  { method, at, ms, outcome, recorded, cancelled }: ReplayedCall,
): string {
  const differs = outcome === recorded || cancelled
    ? ""
    : `  (recorded: ${recorded ?? "no end"})`;
  return `${(at / 1000).toFixed(3).padStart(9)} ${printableName(method)}  ${
    formatMs(ms)
  }  ${outcome}${differs}\n`;
}

const CODECS: Readonly<Record<string, () => MessageCodec>> = {
  msgpack: () => msgpack(),
  json: () => json(),
  bytes: () => bytes(),
};

/** Makes recorded calls on new sessions. */
class Replay {
  readonly #calls: readonly RecordedCall[];
  readonly #target: Target;
  readonly #io: Io;
  readonly #sessions: Map<number, Promise<ClientSession<AnyProtocol>>> =
    new Map();

  constructor(calls: readonly RecordedCall[], target: Target, io: Io) {
    this.#calls = calls;
    this.#target = target;
    this.#io = io;
  }

  async run(
    speed: number,
    onResult: (result: ReplayedCall) => Promise<void>,
  ): Promise<void> {
    const { interrupted } = this.#io;
    const start = this.#io.now();
    const [first] = this.#calls;
    const flying = new Set<Promise<void>>();
    let failure: { readonly error: unknown } | undefined;
    try {
      for (const call of this.#calls) {
        const due = start + (call.time - first!.time) / speed; // there is a call
        const pause = due - this.#io.now();
        if (pause > 0) await this.#io.wait(pause, interrupted);
        while (flying.size >= MAX_IN_FLIGHT && speed === Infinity) {
          await Promise.race(flying);
        }
        if (interrupted.aborted || failure !== undefined) break;
        const done: Promise<void> = this.#make(call, start).then(onResult)
          .catch((error) => {
            failure ??= { error };
          }).finally(() => flying.delete(done));
        flying.add(done);
      }
      await Promise.all(flying);
    } finally {
      await Promise.all(
        [...this.#sessions.values()].map(async (opening) =>
          await (await opening).close()
        ),
      ).catch(() => {}); // a session that did not open is reported above
    }
    if (failure !== undefined) throw failure.error;
  }

  /** Opens one session for each recorded connection. */
  #sessionOf(
    { connection }: RecordedCall,
  ): Promise<ClientSession<AnyProtocol>> {
    let opening = this.#sessions.get(connection);
    if (opening === undefined) {
      const own = this.#calls.filter((call) => call.connection === connection);
      const methods = new Map(
        own.map(({ method: name, shape }) => [name, { name, shape }]),
      );
      opening = openSession(
        protocolOf([...methods.values()]),
        this.#target,
        this.#io,
      );
      this.#sessions.set(connection, opening);
    }
    return opening;
  }

  async #make(call: RecordedCall, begin: number): Promise<ReplayedCall> {
    const { method, connection, cancelled, outcome: recorded } = call;
    const session = await this.#sessionOf(call);
    const start = this.#io.now();
    const outcome = await this.#outcomeOf(call, session);
    return {
      method,
      connection,
      at: start - begin,
      ms: this.#io.now() - start,
      outcome,
      recorded: call.shape === "notification" ? "ok" : recorded,
      cancelled,
    };
  }

  async #outcomeOf(
    call: RecordedCall,
    session: ClientSession<AnyProtocol>,
  ): Promise<string> {
    const { method, shape, metadata, value, items } = call;
    const codec = (CODECS[call.codec] ?? CODECS["msgpack"]!)(); // its own member
    const decode = (body: Uint8Array) =>
      body.length === 0 ? undefined : decoded(body, codec, method);
    const options: DynamicCallOptions = {
      metadata,
      signal: this.#io.interrupted,
    };
    const result = sendsItems(shape)
      ? callerOf(session, method)(items.map(decode), {
        ...options,
        ...(value.length > 0 && { opening: decode(value) }),
      })
      : callerOf(session, method)(decode(value), options);
    try {
      const reply = replyOf(shape, result);
      if ("items" in reply) await readAsRecorded(reply.items, call);
      else await reply.output;
      return "ok";
    } catch (error) {
      if (error instanceof CallError) return error.code;
      throw error;
    }
  }
}

/** @throws {CliError} if the value is not valid */
function decoded(
  body: Uint8Array,
  codec: MessageCodec,
  method: string,
): unknown {
  try {
    return codec.decode(body);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new CliError(
      `Cannot replay ${printableName(method)}: ${error.message}`,
      { code: "no", cause: error },
    );
  }
}

/** Reads a stream; one that the client cancelled ends after as many items. */
export async function readAsRecorded(
  stream: Pick<DynamicStream, "cancel"> & AsyncIterable<unknown>,
  { received, cancelled, outcome }: Pick<
    RecordedCall,
    "received" | "cancelled" | "outcome"
  >,
): Promise<void> {
  const most = cancelled || outcome === undefined ? received : Infinity;
  let count = 0;
  if (most === 0) return stream.cancel();
  for await (const _ of stream) {
    if (++count >= most) return;
  }
}
