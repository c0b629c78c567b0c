/**
 * A store of outcomes in Redis, for several server processes.
 *
 * Each operation is one script, which Redis runs atomically. Redis must not
 * evict keys (`maxmemory-policy noeviction`): it then refuses new calls when its
 * memory is used up. Outcomes survive a restart of Redis as far as its own
 * persistence does (`appendonly yes`, `appendfsync always`).
 *
 * | key | value |
 * | --- | --- |
 * | `once:id` | id of the data |
 * | `once:call:…` | hash: digest, client, number; fence and lease while it runs; then outcome |
 * | `once:seen:…` | number up to which a client has seen outcomes |
 * | `once:calls:…` | sorted set: keys of a client's calls by number |
 *
 * @module
 */
import type {
  OnceCall,
  OnceReservation,
  OnceStore,
} from "@lengthwise/lengthwise/types";
import { Redis, type RedisAddress, type Reply } from "./redis.ts";

/** Options for {@linkcode RedisOnceStore.open}. */
export interface RedisOnceStoreOptions {
  /** Milliseconds after which a server that did not renew has crashed. @default {10000} */
  lease?: number;
  /** Milliseconds for which an outcome is kept at most. @default {600000} */
  retention?: number;
  /** Maximum length of an outcome in bytes. @default {65536} */
  maxOutcome?: number;
  /** Calls that a client may leave unacknowledged. @default {512} */
  maxUnacknowledged?: number;
}

/** Functions of the scripts: one removes the calls that a client has seen. */
const FUNCTIONS = `
local function acknowledge(calls, seen)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', calls, '-inf', seen)) do
    if redis.call('HEXISTS', key, 'fence') == 0 then
      redis.call('DEL', key)
      redis.call('ZREM', calls, key)
    end
  end
end
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
`;

/** KEYS: id, call, seen, calls. */
const RESERVE = `${FUNCTIONS}
local id, digest, fence, client = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local number, seen, age = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local lease, retention, most = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
if redis.call('GET', KEYS[1]) ~= id then
  return redis.error_reply('LOST the data of the store was lost')
end
local numbered = client ~= ''
if numbered then
  local before = tonumber(redis.call('GET', KEYS[3]) or '0')
  if seen > before then acknowledge(KEYS[4], seen) else seen = before end
  redis.call('SET', KEYS[3], string.format('%.0f', seen), 'PX', 2 * retention)
end
local call = redis.call('HMGET', KEYS[2], 'digest', 'fence', 'lease', 'outcome')
if call[1] then
  if call[1] ~= digest then return {'conflict'} end
  if call[4] then return {'done', call[4]} end
  if call[2] and tonumber(call[3]) > now() then return {'running'} end
  redis.call('HDEL', KEYS[2], 'fence') -- its server has crashed
  return {'gone'}
end
if numbered and number <= seen or age >= retention then return {'gone'} end
if numbered and redis.call('ZCARD', KEYS[4]) >= most then
  for _, key in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
    if redis.call('EXISTS', key) == 0 then redis.call('ZREM', KEYS[4], key) end
  end
  if redis.call('ZCARD', KEYS[4]) >= most then return {'full'} end
end
redis.call('HSET', KEYS[2], 'digest', digest, 'fence', fence, 'lease', now() + lease)
redis.call('PEXPIRE', KEYS[2], lease + retention)
if numbered then
  redis.call('ZADD', KEYS[4], number, KEYS[2])
  redis.call('PEXPIRE', KEYS[4], 2 * retention)
end
return {'new'}
`;

/** KEYS: call, seen, calls. */
const SETTLE = `
local fence, number, outcome = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local retention, most = tonumber(ARGV[4]), tonumber(ARGV[5])
if redis.call('HGET', KEYS[1], 'fence') ~= fence then return 0 end
redis.call('HDEL', KEYS[1], 'fence')
if #outcome <= most then redis.call('HSET', KEYS[1], 'outcome', outcome) end
redis.call('PEXPIRE', KEYS[1], retention)
if number > 0 and number <= tonumber(redis.call('GET', KEYS[2]) or '0') then
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[3], KEYS[1])
end
return 1
`;

/** KEYS: call. */
const RENEW = `${FUNCTIONS}
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'lease', now() + tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], tonumber(ARGV[2]) + tonumber(ARGV[3]))
return 1
`;

/** KEYS: call, calls. */
const RELEASE = `
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], KEYS[1])
return 1
`;

/** A store in Redis. */
export class RedisOnceStore implements OnceStore, Disposable {
  readonly id: string;
  readonly lease: number;
  readonly #redis: Redis;
  readonly #options: Required<RedisOnceStoreOptions>;

  private constructor(
    redis: Redis,
    id: string,
    options: Required<RedisOnceStoreOptions>,
  ) {
    this.#redis = redis;
    this.id = id;
    this.lease = options.lease;
    this.#options = options;
  }

  /** Connects to Redis, and reads or sets the id of its data. */
  static async open(
    address: RedisAddress,
    {
      lease = 10_000,
      retention = 600_000,
      maxOutcome = 65_536,
      maxUnacknowledged = 512,
    }: RedisOnceStoreOptions = {},
  ): Promise<RedisOnceStore> {
    const redis = new Redis(address);
    try {
      const memory = text(await redis.send("INFO", "memory"));
      if (!memory.includes("maxmemory_policy:noeviction")) {
        throw new Error(
          "Cannot store outcomes in a Redis that evicts keys: set maxmemory-policy to noeviction",
        );
      }
      await redis.send("SET", "once:id", crypto.randomUUID(), "NX");
      const id = text(await redis.send("GET", "once:id"));
      const options = { lease, retention, maxOutcome, maxUnacknowledged };
      return new RedisOnceStore(redis, id, options);
    } catch (error) {
      redis[Symbol.dispose]();
      throw error;
    }
  }

  async reserve(call: OnceCall): Promise<OnceReservation> {
    const { digest, client, number, seen, created } = call;
    const { lease, retention, maxUnacknowledged } = this.#options;
    const fence = crypto.randomUUID();
    const reply = await this.#run(
      RESERVE,
      ["once:id", callKey(call), seenKey(call), callsKey(call)],
      [this.id, digest, fence, client, number, seen, Date.now() - created]
        .concat([lease, retention, maxUnacknowledged]),
    );
    const [state, outcome] = reply as [Uint8Array, Uint8Array?]; // as the script returns it
    const name = text(state);
    switch (name) {
      case "new":
        return { state: name, fence };
      case "done":
        return { state: name, outcome: outcome! }; // always with its outcome
      case "running":
      case "gone":
      case "conflict":
      case "full":
        return { state: name };
      default:
        throw new Error(`The script of the store returned "${name}"`);
    }
  }

  async settle(
    call: OnceCall,
    fence: string,
    outcome: Uint8Array,
  ): Promise<void> {
    const { retention, maxOutcome } = this.#options;
    await this.#run(
      SETTLE,
      [callKey(call), seenKey(call), callsKey(call)],
      [fence, call.number, outcome, retention, maxOutcome],
    );
  }

  async renew(call: OnceCall, fence: string): Promise<void> {
    const { lease, retention } = this.#options;
    await this.#run(RENEW, [callKey(call)], [fence, lease, retention]);
  }

  async release(call: OnceCall, fence: string): Promise<void> {
    await this.#run(RELEASE, [callKey(call), callsKey(call)], [fence]);
  }

  #run(
    script: string,
    keys: string[],
    values: (string | number | Uint8Array)[],
  ): Promise<Reply> {
    return this.#redis.send("EVAL", script, keys.length, ...keys, ...values);
  }

  [Symbol.dispose](): void {
    this.#redis[Symbol.dispose]();
  }
}

function callKey({ key }: OnceCall): string {
  return `once:call:${key}`;
}

function seenKey({ client }: OnceCall): string {
  return `once:seen:${client}`;
}

function callsKey({ client }: OnceCall): string {
  return `once:calls:${client}`;
}

function text(reply: Reply): string {
  return reply instanceof Uint8Array
    ? new TextDecoder().decode(reply)
    : String(reply);
}
