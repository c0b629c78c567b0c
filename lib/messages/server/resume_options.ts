/**
 * The option `resume` of servers.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import { checkTime } from "../connection/session_options.ts";
import type { AnyProtocol } from "../protocol/protocol_types.ts";
import { MAX_LOCATION } from "../session/wire/identity.ts";
import { checkOptions } from "../support/check_options.ts";
import { type ResumableSession, ResumeRegistry } from "./resume_registry.ts";
import type { ServerOptions } from "./server_types.ts";

const NAMES = { grace: true, perPrincipal: true, location: true } as const; // the literal type that checkOptions() wants

/** Default of the option `resume.perPrincipal`. */
export const DEFAULT_PER_PRINCIPAL = 4;

/** Part of a server's memory that sessions without a connection may hold. */
const HIBERNATION = 1 / 10;

/**
 * @throws {TypeError} if the location is not a text
 * @throws {RangeError} if it is empty or too long
 */
function checkLocation(location: unknown): void {
  if (location === undefined) return;
  if (typeof location !== "string") {
    throw new TypeError(
      `Cannot serve with ${
        describeType(location)
      } as resume.location: expected the text of an address, such as "tls://10.0.0.5:7000"`,
    );
  }
  const { length } = new TextEncoder().encode(location);
  if (length >= 1 && length <= MAX_LOCATION) return;
  throw new RangeError(
    `Cannot serve with a resume.location of ${length} bytes: expected 1 to ${MAX_LOCATION}`,
  );
}

/**
 * Returns the registry of sessions that can be resumed, if any can.
 *
 * @param options options of the server
 * @param memory heap bytes that its sessions may hold
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown, or the grace or the principal is missing
 */
export function resumeRegistry<
  S extends ResumableSession,
  P extends AnyProtocol,
  Auth,
  State,
>(
  { resume, authenticate, principal }: ServerOptions<P, Auth, State>,
  memory: number,
): ResumeRegistry<S> | undefined {
  if (resume === undefined) return undefined;
  checkOptions("the option resume of serve()", resume, NAMES);
  const { grace, perPrincipal = DEFAULT_PER_PRINCIPAL } = resume;
  if (grace === undefined) {
    throw new TypeError(
      "Cannot serve with the option resume and no resume.grace: name the milliseconds that a session waits for a connection, such as 30_000, or 0 for none",
    );
  }
  checkTime("serve with resume.grace", grace);
  if (!Number.isInteger(perPrincipal) || perPrincipal < 1) {
    throw new RangeError(
      `Cannot serve with resume.perPrincipal ${perPrincipal}: it must be an integer of at least 1`,
    );
  }
  checkLocation(resume.location);
  if (grace === 0) return undefined;
  if (authenticate !== undefined && principal === undefined) {
    throw new TypeError(
      'Cannot resume sessions without the option "principal": name the principal of a session, as in (auth) => auth.user, so that no client resumes the session of another one',
    );
  }
  return new ResumeRegistry<S>({ perPrincipal, memory: HIBERNATION * memory });
}
