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

/** Replaces the certificate of a listener. */
type Load = (certificate: TlsServerCertificate) => Promise<void>;

/** A listener with an accept loop and certificate reloading. */
export class TlsListenerImpl extends SocketListenerImpl<TlsConnection>
  implements TlsListener {
  #load: Load;

  /**
   * @param source the source of connections
   * @param load replaces the certificate
   * @param options caps, callback and signal
   */
  constructor(
    source: AcceptSource<TlsConnection>,
    load: Load,
    options: ListenerOptions = {},
  ) {
    super(source, options);
    this.#load = load;
  }

  async reload(certificate: TlsServerCertificate): Promise<void> {
    await this.#load(certificate);
  }
}
