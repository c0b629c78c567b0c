/**
 * A client for MQTT 3.1.1: publishes and subscribes with quality of service 0.
 *
 * @module
 */
import { frames, type FrameStream } from "@lengthwise/lengthwise/framing";
import { mqtt } from "@lengthwise/lengthwise/framing/presets";
import { connect, type ConnectAddress } from "@lengthwise/lengthwise/transport";

/** A connection to a broker, ready after {@linkcode MqttClient.connect}. */
export class MqttClient implements AsyncDisposable {
  readonly #stream: FrameStream;
  #isSubscribed = false;

  private constructor(stream: FrameStream) {
    this.#stream = stream;
  }

  /** Connects and introduces itself with an id. */
  static async connect(
    address: ConnectAddress,
    id: string,
  ): Promise<MqttClient> {
    const client = new MqttClient(frames(await connect(address), mqtt()));
    try {
      // Protocol level 4, a clean session, no keep-alive.
      const flags = Uint8Array.of(4, 2, 0, 0);
      await client.#send(0x10, text("MQTT"), flags, text(id));
      const [type, , code] = await client.#receive();
      if (type === 0x20 && code === 0) return client;
      throw new Error(`The broker refused the connection: code ${code}`);
    } catch (error) {
      client.#stream.close();
      throw error;
    }
  }

  /** Sends a message to all subscribers of a topic. */
  async publish(topic: string, payload: Uint8Array): Promise<void> {
    await this.#send(0x30, text(topic), payload);
  }

  /** Yields messages whose topics match a filter; call it once. */
  async *subscribe(filter: string): AsyncGenerator<[string, Uint8Array]> {
    // Two loops would take each other's messages.
    if (this.#isSubscribed) {
      throw new Error("The client has subscribed already");
    }
    this.#isSubscribed = true;
    const packetId = Uint8Array.of(0, 1);
    await this.#send(0x82, packetId, text(filter), Uint8Array.of(0));
    for (;;) {
      const packet = await this.#receive();
      if (packet[0] === 0x90 && packet[3] === 0x80) {
        throw new Error(`The broker refused the subscription to ${filter}`);
      }
      if (packet[0]! >> 4 !== 3) continue; // not a message
      const end = 3 + packet[1]! * 256 + packet[2]!;
      const topic = new TextDecoder().decode(packet.subarray(3, end));
      yield [topic, packet.subarray(end)];
    }
  }

  async #send(type: number, ...parts: Uint8Array[]): Promise<void> {
    await this.#stream.send(Uint8Array.of(type), ...parts);
  }

  async #receive(): Promise<Uint8Array> {
    const packet = await this.#stream.read();
    if (packet === null) throw new Error("The broker closed the connection");
    return packet;
  }

  /** Disconnects and closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#send(0xe0).catch(() => {});
    await this.#stream[Symbol.asyncDispose]();
  }
}

/** Returns the length of a text in two bytes, and its UTF-8. */
function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  if (bytes.length > 65_535) throw new RangeError("The text is too long");
  return Uint8Array.of(bytes.length >> 8, bytes.length, ...bytes);
}
