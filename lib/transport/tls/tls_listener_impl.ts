/**
 * The implementation of {@linkcode TlsListener} on a source of TLS connections.
 *
 * @module
 */
import {
  type AcceptSource,
  SocketListenerImpl,
} from "../socket_listener_impl.ts";
import type { ListenerOptions } from "../socket_listener.ts";
import type { TlsServerCertificate } from "./certificate_checks.ts";
import type { TlsConnection } from "./tls_connection.ts";
import type { TlsListener } from "./tls_listener.ts";

/** Controls the handshakes of a {@linkcode TlsListenerImpl}. */
export interface TlsListenerControl {
  /**
   * Replaces the certificate.
   *
   * @param certificate the new certificate
   */
  load(certificate: TlsServerCertificate): Promise<void>;
  /** Waits until all handshakes have ended. */
  stopped(): Promise<void>;
}

/** A listener with an accept loop and certificate reloading. */
export class TlsListenerImpl extends SocketListenerImpl<TlsConnection>
  implements TlsListener {
  #control: TlsListenerControl;

  /**
   * @param source the source of connections
   * @param control controls the handshakes
   * @param options caps, callback and signal
   */
  constructor(
    source: AcceptSource<TlsConnection>,
    control: TlsListenerControl,
    options: ListenerOptions = {},
  ) {
    super(source, options);
    this.#control = control;
  }

  async reload(certificate: TlsServerCertificate): Promise<void> {
    await this.#control.load(certificate);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    await this.#control.stopped();
  }
}
