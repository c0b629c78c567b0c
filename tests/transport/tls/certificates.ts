/**
 * Certificates made at run time, so that the tests need nothing but Deno and
 * nothing in the repository expires.
 *
 * @module
 */
import "reflect-metadata"; // @peculiar/x509 needs it first
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR = 3_600_000;

/** A certificate and its key, PEM. */
export interface CertifiedKey {
  cert: string;
  key: string;
}

/** What a certificate says. */
export interface LeafOptions {
  /** Common name, organisation and so on: `"CN=alice"`. */
  subject: string;
  /** Subject alternative names. */
  names?: x509.JsonGeneralNames;
  /** Hours from now until it is valid no more. */
  expires?: number;
}

/** Makes certificates. */
export class Authority {
  /** Its own certificate, PEM. */
  readonly cert: string;
  #name: string;
  #keys: CryptoKeyPair;
  #serial = 1;

  private constructor(cert: x509.X509Certificate, keys: CryptoKeyPair) {
    this.cert = cert.toString("pem");
    this.#name = cert.subject;
    this.#keys = keys;
  }

  /** Makes an authority that signs for itself. */
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

/** Names that a server on loopback goes by. */
export const LOOPBACK: x509.JsonGeneralNames = [
  { type: "dns", value: "localhost" },
  { type: "ip", value: "127.0.0.1" },
];

/** The authority that both sides trust, a server on loopback, and a client. */
export const authority: Authority = await Authority.create();
/** Of the server at 127.0.0.1 and localhost. */
export const server: CertifiedKey = await authority.issue({
  subject: "CN=localhost",
  names: LOOPBACK,
});
/** Of a client. */
export const client: CertifiedKey = await authority.issue({
  subject: "CN=alice, O=Shop",
  names: [{ type: "email", value: "alice@shop.example" }],
});
