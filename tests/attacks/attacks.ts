/**
 * All attacks.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { callAttacks } from "./call_attacks.ts";
import { clientAttacks } from "./client_attacks.ts";
import { handshakeAttacks } from "./handshake_attacks.ts";
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
  ...togetherAttacks,
  ...transportAttacks,
  ...clientAttacks,
  ...jsonAttacks.filter(({ victim }) => victim === "client"),
];
