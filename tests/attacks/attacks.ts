/**
 * All attacks.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { callAttacks } from "./call_attacks.ts";
import { clientAttacks } from "./client_attacks.ts";
import { extensionAttacks } from "./extension_attacks.ts";
import { handshakeAttacks } from "./handshake_attacks.ts";
import { httpAttacks } from "./http_attacks.ts";
import { jsonAttacks } from "./json_attacks.ts";
import { itemAttacks } from "./item_attacks.ts";
import { onceAttacks } from "./once_attacks.ts";
import { resumeAttacks } from "./resume_attacks.ts";
import { sessionAttacks } from "./session_attacks.ts";
import { togetherAttacks } from "./together_attacks.ts";
import { transportAttacks } from "./transport_attacks.ts";

/** The attacks, in the order of the table. */
export const attacks: readonly Attack[] = [
  ...handshakeAttacks,
  ...callAttacks,
  ...onceAttacks,
  ...resumeAttacks,
  ...itemAttacks,
  ...sessionAttacks,
  ...jsonAttacks.filter(({ victim }) => victim === "server"),
  ...extensionAttacks.filter(({ victim }) => victim === "server"),
  ...togetherAttacks,
  ...transportAttacks,
  ...httpAttacks,
  ...clientAttacks,
  ...jsonAttacks.filter(({ victim }) => victim === "client"),
  ...extensionAttacks.filter(({ victim }) => victim === "client"),
];
