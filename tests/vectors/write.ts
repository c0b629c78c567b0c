/**
 * Writes `messages.json`, and formats `framing.json`, whose content is edited by
 * hand.
 *
 * Usage: `deno task vectors`
 *
 * @module
 */
import { format } from "./json_text.ts";
import { messagesText } from "./make_messages.ts";

Deno.writeTextFileSync(
  new URL("messages.json", import.meta.url),
  messagesText(),
);

const framing = new URL("framing.json", import.meta.url);
Deno.writeTextFileSync(framing, format(Deno.readTextFileSync(framing)));
