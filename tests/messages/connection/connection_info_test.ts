import { assertEquals, assertStrictEquals } from "@std/assert";
import { connectionInfo } from "../../../lib/messages/connection/connection_info.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import { TlsConnectionImpl } from "../../../lib/transport/tls/tls_connection_impl.ts";
import type { PeerCertificate } from "../../../lib/transport/peer_certificate.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "connectionInfo() returns both addresses, and the certificate if there is one",
  none,
  () => {
    const [near, far] = memoryPair();
    const plain = connectionInfo(near);
    assertEquals(plain.localAddr, near.localAddr);
    assertEquals(plain.remoteAddr, near.remoteAddr);
    assertEquals(plain.peerCertificate, undefined);

    const certificate = {} as unknown as PeerCertificate; // never inspected
    const secured = new TlsConnectionImpl(near, {
      peerCertificate: certificate,
    });
    assertStrictEquals(connectionInfo(secured).peerCertificate, certificate);
    const anonymous = new TlsConnectionImpl(far);
    assertEquals(connectionInfo(anonymous).peerCertificate, undefined);
    near.close();
    far.close();
  },
);
