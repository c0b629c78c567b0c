/**
 * Mutants that no test can notice, with the reason.
 *
 * @module
 */

/** A mutant, by its file and its change as the runner prints it. */
export interface Explained {
  readonly path: string;
  /** The operator, the old code and the new code. */
  readonly change: string;
  /** Text of the line, if the file has the same change in other places. */
  readonly line?: string;
  /** Why no test can notice it. */
  readonly why: string;
}

export const EXPLAINED: readonly Explained[] = [
  {
    path: "lib/messages/codec/msgpack.ts",
    change: "clean-up: { decoding = inside; } → {}",
    why:
      "Later small bodies are decoded without the copy that makes it faster.",
  },
  {
    path: "lib/testing/decoder_checks.ts",
    change: "comparison: 0 → (0) - 1",
    line: "for (let i = random(8); i >= 0; i--) {",
    why: "Hostile inputs have one more damaged byte, out of 8 at most.",
  },
  {
    path: "lib/framing/layouts/content_length.ts",
    change: "comparison: 0 → (0) + 1",
    line: "this.#searched = found < 0 ? this.#search.resume - start : 0;",
    why:
      "Headers that are found at 0 are empty, which is an error in any case.",
  },
  {
    path: "lib/messages/session/calls/incoming_calls.ts",
    change: "comparison: this.lastAllowed → (this.lastAllowed) + 1",
    why: "The next id after the last one of a side has the parity of the peer.",
  },
  {
    path: "lib/messages/session/calls/incoming_calls.ts",
    change: "comparison: this.reader.lastId → (this.reader.lastId) + 1",
    why: "The next id after the last one of a side has the parity of the peer.",
  },
  {
    path: "lib/messages/session/calls/request_reader.ts",
    change: "comparison: this.lastId → (this.lastId) + 1",
    why: "The next id after the last one of a side has the parity of the peer.",
  },
  {
    path: "lib/messages/session/flow/send_budget.ts",
    change: "comparison: this.#limit → (this.#limit) - 1",
    line: "if (this.#bytes < this.#limit) return true;",
    why: "The same is compared again after frames that were sent are dropped.",
  },
  {
    path: "lib/messages/session/time/timer_wheel.ts",
    change: "comparison: now → (now) + 1",
    line: "if (entry.slot !== slot || entry.dueAt > now) continue;",
    why: "An entry that was moved within its slot is due a whole turn later.",
  },
  ...["+ 1", "- 1"].flatMap((one) => {
    return [
      {
        path: "lib/messages/codec/key_table.ts",
        change: `comparison: PROBES → (PROBES) ${one}`,
        why:
          "Keys that were chosen to collide count as new one sooner or later.",
      },
      {
        path: "lib/messages/codec/json_reader.ts",
        change: `comparison: LONGEST_INTERNED → (LONGEST_INTERNED) ${one}`,
        why: "Strings of 10 or 11 characters are made in the other way.",
      },
      {
        path: "lib/messages/codec/msgpack_encoder.ts",
        change: `comparison: SHORT_STRING → (SHORT_STRING) ${one}`,
        why: "Strings of 48 or 49 characters are written in the other way.",
      },
      {
        path: "lib/messages/codec/msgpack_encoder.ts",
        change: `comparison: allowed → (allowed) ${one}`,
        line: "if (most <= allowed) return;",
        why: "The upper bound is never as low as the bytes held.",
      },
    ];
  }),
  {
    path: "lib/messages/codec/msgpack_encoder.ts",
    change: "comparison: this.#bytes.length → (this.#bytes.length) - 1",
    why: "The value is written into another buffer, and then copied.",
  },
  {
    path: "lib/messages/codec/msgpack_encoder.ts",
    change: "comparison: length → (length) + 1",
    line: "if (put.read < length) {",
    why: "The string is written twice at the same place.",
  },
  {
    path: "lib/messages/codec/msgpack_reader.ts",
    change: "comparison: end → (end) - 1",
    why: "Short strings of ASCII are decoded like other strings.",
  },
  {
    path: "lib/messages/codec/json_value_checker.ts",
    change: "clean-up: { this.#busy = false; } → {}",
    why: "Later values are checked by a new checker, which is slower.",
  },
  {
    path: "lib/messages/codec/json_scanner.ts",
    change: "comparison: NINE → (NINE) + 1",
    why: "A key that begins with a colon is no array index in any case.",
  },
  {
    path: "lib/messages/codec/json_scanner.ts",
    change: "comparison: LONGEST_EXPONENT → (LONGEST_EXPONENT) - 1",
    why: "A finite number is parsed once more.",
  },
  ...["state ^= state << 13;", "state ^= state >>> 17;", "state ^= state << 5;"]
    .map((code) => ({
      path: "lib/testing/codec_checks.ts",
      change: `statement: ${code} → ;`,
      why: "Hostile bodies are made from another sequence of numbers.",
    })),
  {
    path: "lib/framing/decode/frame_assembler.ts",
    change: "comparison: 16 → (16) + 1",
    why: "Sixteen bytes are copied in the other way.",
  },
  {
    path: "lib/framing/decode/frame_assembler.ts",
    change: "comparison: 16 → (16) - 1",
    why: "Fifteen bytes are copied in the other way.",
  },
  {
    path: "lib/framing/decode/frame_assembler.ts",
    change: "comparison: count → (count) + 1",
    line: "for (let i = 0; i < count; i++)",
    why: "The byte after the last one is overwritten by the next chunk.",
  },
  {
    path: "lib/framing/decode/frame_assembler.ts",
    change: "comparison: 0 → (0) - 1",
    line: "if (measured > 0 && measured <= available) {",
    why: "No measurement is 0 there.",
  },
  {
    path: "lib/framing/decode/frame_assembler.ts",
    change: "comparison: 0 → (0) + 1",
    line: "if (this.#have > 0) this.#consumeOwn(inOwn, false);",
    why: "A fault in the first byte is found in the chunk.",
  },
  {
    path: "lib/framing/layouts/length_encoder.ts",
    change: "comparison: config.fieldEnd → (config.fieldEnd) - 1",
    why: "Header bytes are zeroed that are written next.",
  },
  ...["+ 1", "- 1"].map((one) => ({
    path: "lib/framing/decode/uint.ts",
    change: `comparison: 32 → (32) ${one}`,
    why: "Bytes of about that number are searched in the other way.",
  })),
  {
    path: "lib/framing/modified_utf8.ts",
    change: "comparison: 4096 → 4097",
    why: "Longer pieces of text are joined.",
  },
  {
    path: "lib/messages/session/calls/response_writer.ts",
    change: "statement: this.#shared.onCallEnded(); → ;",
    why:
      "The last frame of the call is unsent then. The session asks again when it has been written.",
  },
  {
    path: "lib/messages/session/wire/hello.ts",
    change:
      "statement: commonBytes.set(methods, { protocol, codecs: names, bytes }); → ;",
    why: "The entries are encoded again for each session, with equal bytes.",
  },
  {
    path: "lib/framing/stream/write_buffer.ts",
    change: "comparison: 0 → (0) + 1",
    line: "if (buffer.length > 0) release(",
    why: "Buffers have 2 KiB or more, or no byte at all.",
  },
  {
    path: "lib/messages/session/wire/metadata.ts",
    change: "statement: makeSparse(metadata); → ;",
    why: "The metadata is equal; only its memory differs.",
  },
  {
    path: "lib/messages/session/resume/resumable_sink.ts",
    change: "comparison: this.limit → (this.limit) - 1",
    line: "if (this.frames.held > this.limit) this.frames.dropOldest(",
    why: "At the limit, dropOldest() drops nothing.",
  },
  {
    path: "lib/testing/decoder_checks.ts",
    change: "comparison: wire.length → (wire.length) + 1",
    line: "i += 3) {",
    why: "An empty chunk is pushed once more, as between all other chunks.",
  },
  {
    path: "lib/messages/bus/broadcast_channel_bus.ts",
    change: "comparison: post.length → (post.length) - 1",
    why:
      "A post has pairs of members. The last one of an odd number is skipped.",
  },
  {
    path: "lib/messages/codec/extensions/collections.ts",
    change: "comparison: items.length → (items.length) - 1",
    line: "index += 2",
    why: "The number of items is even, and two are taken at a time.",
  },
  {
    path: "lib/messages/codec/msgpack_scanner.ts",
    change: "comparison: 0 → (0) - 1",
    line: "if (size > 0) start += size;",
    why: "A size of 0 is added.",
  },
  {
    path: "lib/framing/stream/line_batches.ts",
    change: "comparison: BATCH → (BATCH) - 1",
    line: "size < BATCH",
    why: "A batch of just its size ends one line earlier.",
  },
  {
    path: "lib/messages/codec/json_value_checker.ts",
    change: "statement: this.#busy = false; → ;",
    why: "Later values are checked by a new checker, which is slower.",
  },
];
