/**
 * Places for requests, of which each client has a share.
 *
 * A client may begin a request only while more places are free than it has
 * requests. One client therefore takes at most half of the places, the next one
 * half of what is left, and so on, so that places remain for others. The rule is
 * that of dynamic thresholds for queues with one buffer (Choudhury and Hahne,
 * 1998), with the factor 1.
 *
 * @module
 */

/** Requests in progress, by client. */
export class ClientShares {
  readonly #max: number;
  /** Clients have an entry only while they have requests. */
  readonly #requests = new Map<string, number>();
  #total = 0;

  /** @param max maximum number of requests at a time */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Takes a place, which {@linkcode end} frees.
   *
   * @param client the client, or `undefined` if it is unknown and has no share
   * @returns whether there is no place at all, or none for this client
   */
  begin(client: string | undefined): "begun" | "full" | "client-full" {
    const free = this.#max - this.#total;
    if (free <= 0) return "full";
    if (client !== undefined) {
      const own = this.#requests.get(client) ?? 0;
      if (own >= free) return "client-full";
      this.#requests.set(client, own + 1);
    }
    this.#total++;
    return "begun";
  }

  /** Frees a place of a client. */
  end(client: string | undefined): void {
    this.#total--;
    if (client === undefined) return;
    const own = this.#requests.get(client) ?? 0;
    if (own > 1) this.#requests.set(client, own - 1);
    else this.#requests.delete(client);
  }
}

/**
 * Returns the network of a client: an IPv4 address, or the first 64 bits of an
 * IPv6 address, since a client can use all addresses of such a network.
 *
 * @param hostname IP address, as sockets report it
 */
export function networkOf(hostname: string): string {
  if (!hostname.includes(":")) return hostname;
  const mapped = /^::ffff:([\d.]+)$/i.exec(hostname);
  if (mapped?.[1] !== undefined) return mapped[1];
  const [head = [], tail] = hostname.split("::").map((part) =>
    part === "" ? [] : part.split(":")
  );
  const groups = [...head];
  if (tail !== undefined) {
    const absent = 8 - head.length - tail.length;
    for (let n = 0; n < absent; n++) groups.push("0");
    groups.push(...tail);
  }
  return `${groups.slice(0, 4).join(":")}::/64`;
}
