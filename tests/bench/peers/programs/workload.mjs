/**
 * The values that all peers exchange, and the checks of what comes back.
 *
 * @module
 */

/**
 * @typedef {{
 *   id: number, customer: string, sku: string, quantity: number, price: number,
 *   currency: string, tags: string[], address: { city: string, zip: string },
 *   paid: boolean,
 * }} Order
 * @typedef {{
 *   sequence: number, symbol: string, bid: number, ask: number, size: number,
 *   venue: string,
 * }} Quote
 */

/**
 * Returns an order, about 170 bytes as JSON.
 *
 * @param {number} id number of the call
 * @returns {Order}
 */
export function orderOf(id) {
  return {
    id,
    customer: "c-20931",
    sku: "WIDGET-BLUE-42",
    quantity: 3,
    price: 1299,
    currency: "EUR",
    tags: ["priority", "gift"],
    address: { city: "Lisbon", zip: "1100-148" },
    paid: true,
  };
}

/**
 * Handles a call: changes one field, so that no peer can return bytes unread.
 *
 * @template {{ quantity: number }} T
 * @param {T} order
 * @returns {T} the same object
 */
export function handle(order) {
  order.quantity++;
  return order;
}

/**
 * Checks the answer to a call.
 *
 * @param {number} id number of the call
 * @param {Order} answer
 * @throws {Error} if a field is wrong
 */
export function checkOrder(id, answer) {
  if (
    answer.id !== id || answer.quantity !== 4 || answer.paid !== true ||
    answer.price !== 1299 || answer.customer !== "c-20931" ||
    answer.sku !== "WIDGET-BLUE-42" || answer.currency !== "EUR" ||
    answer.tags.length !== 2 || answer.tags[0] !== "priority" ||
    answer.tags[1] !== "gift" || answer.address.city !== "Lisbon" ||
    answer.address.zip !== "1100-148"
  ) {
    throw new Error(`Wrong answer to call ${id}: ${JSON.stringify(answer)}`);
  }
}

/**
 * Returns an item of a stream, about 100 bytes as JSON.
 *
 * @param {number} sequence number of the item, from 0
 * @returns {Quote}
 */
export function quoteOf(sequence) {
  return {
    sequence,
    symbol: "WIDGET-BLUE-42",
    bid: 12.75,
    ask: 13.25,
    size: 250,
    venue: "Lisbon, floor 2",
  };
}

/**
 * Checks an item of a stream.
 *
 * @param {number} sequence number of the item, from 0
 * @param {Quote} item
 * @throws {Error} if a field is wrong
 */
export function checkQuote(sequence, item) {
  if (
    item.sequence !== sequence || item.symbol !== "WIDGET-BLUE-42" ||
    item.bid !== 12.75 || item.ask !== 13.25 || item.size !== 250 ||
    item.venue !== "Lisbon, floor 2"
  ) {
    throw new Error(`Wrong item ${sequence}: ${JSON.stringify(item)}`);
  }
}

/**
 * Returns the items of a stream.
 *
 * @param {number} count
 * @returns {AsyncGenerator<Quote>}
 */
export async function* quotes(count) {
  for (let sequence = 0; sequence < count; sequence++) {
    yield quoteOf(sequence);
  }
}
