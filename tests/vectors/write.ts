/**
 * Formats `framing.json`, whose content is edited by hand.
 *
 * Usage: `deno task vectors`
 *
 * @module
 */
import { format } from "./json_text.ts";

const framing = new URL("framing.json", import.meta.url);
Deno.writeTextFileSync(framing, format(Deno.readTextFileSync(framing)));
