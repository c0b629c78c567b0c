/**
 * Certificates generated at run time, so that the tests need only Deno and
 * nothing in the repository expires.
 *
 * @module
 */
import "reflect-metadata"; // @peculiar/x509 needs it loaded first
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR = 3_600_000;

/** A certificate and its key, in PEM. */
export interface CertifiedKey {
  cert: string;
  key: string;
}

/** Contents of a certificate. */
export interface LeafOptions {
  /** Common name, organization and so on: `"CN=alice"`. */
  subject: string;
  /** Subject alternative names. */
  names?: x509.JsonGeneralNames;
  /** Hours from now until it expires. */
  expires?: number;
}

/** Issues certificates. */
export class Authority {
  /** The authority's own certificate, in PEM. */
  readonly cert: string;
  #name: string;
  #keys: CryptoKeyPair;
  #serial = 1;

  private constructor(cert: x509.X509Certificate, keys: CryptoKeyPair) {
    this.cert = cert.toString("pem");
    this.#name = cert.subject;
    this.#keys = keys;
  }

  /** Creates a self-signed authority. */
  static async create(name = "CN=Test authority"): Promise<Authority> {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name,
      notBefore: new Date(Date.now() - 2 * HOUR),
      notAfter: new Date(Date.now() + 24 * HOUR),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new Authority(certificate, keys);
  }

  /** Issues a certificate for servers and clients. */
  async issue(
    { subject, names = [], expires = 12 }: LeafOptions,
  ): Promise<CertifiedKey> {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: (++this.#serial).toString(16).padStart(2, "0"),
      subject,
      issuer: this.#name,
      notBefore: new Date(Date.now() - 2 * HOUR),
      notAfter: new Date(Date.now() + expires * HOUR),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        ...(names.length > 0
          ? [new x509.SubjectAlternativeNameExtension(names)]
          : []),
      ],
    });
    return { cert: certificate.toString("pem"), key: await exportKey(keys) };
  }
}

async function generateKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function exportKey({ privateKey }: CryptoKeyPair): Promise<string> {
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", privateKey);
  return x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
}

/** Names of a server on loopback. */
export const LOOPBACK: x509.JsonGeneralNames = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
];

/** The authority of both ends, a server on loopback, and a client. */
export const authority: Authority = await Authority.create();
/** Certificate of the server at 127.0.0.1 and localhost. */
export const server: CertifiedKey = await authority.issue({
  subject: "CN=localhost",
  names: LOOPBACK,
});
/** Certificate of a client. */
export const client: CertifiedKey = await authority.issue({
  subject: "CN=alice, O=Shop",
  names: [{ type: "email", value: "alice@shop.example" }],
});
