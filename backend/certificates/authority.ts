/**
 * The certificates of the link between backend and gateways: our own small authority, one server certificate, one client
 * certificate a gateway. ECDSA P-256. No web browser and no public authority is involved.
 */

import 'reflect-metadata';
import { createHash, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

const EC = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Clocks of gateways may be behind ours. */
const BACKDATED_MS = DAY_MS;
const CA_DAYS = 3650;
/** Gateways stand on mountains: a certificate that runs out takes a journey to replace, revocation is in our database. */
const LEAF_DAYS = 1825;

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

export interface KeyAndCertificate {
  /** PKCS#8 PEM. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

function span(nowMs: number, days: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(nowMs - BACKDATED_MS), notAfter: new Date(nowMs + days * DAY_MS) };
}

export async function createAuthority(nowMs: number): Promise<KeyAndCertificate> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=Carillon gateway authority',
    ...span(nowMs, CA_DAYS),
    signingAlgorithm: SIGNING,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key: await keyPem(keys.privateKey), certificate: certificate.toString('pem') };
}

async function issue(
  authority: KeyAndCertificate,
  leaf: { name: string; usage: string; alternativeNames: x509.JsonGeneralNames; nowMs: number },
): Promise<KeyAndCertificate> {
  const keys = await newKeys();
  const ca = new x509.X509Certificate(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey(
    'pkcs8',
    x509.PemConverter.decodeFirst(authority.key),
    EC,
    false,
    ['sign'],
  );
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [leaf.name] }],
    issuer: ca.subjectName,
    ...span(leaf.nowMs, LEAF_DAYS),
    signingAlgorithm: SIGNING,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([leaf.usage]),
      new x509.SubjectAlternativeNameExtension(leaf.alternativeNames),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ],
  });
  return { key: await keyPem(keys.privateKey), certificate: certificate.toString('pem') };
}

/** `hosts` are the names and addresses under which gateways reach this backend. */
export function issueServer(
  authority: KeyAndCertificate,
  hosts: readonly string[],
  nowMs: number,
): Promise<KeyAndCertificate> {
  return issue(authority, {
    name: hosts[0] ?? 'localhost',
    usage: SERVER_AUTH,
    alternativeNames: hosts.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
    nowMs,
  });
}

export function issueGateway(authority: KeyAndCertificate, name: string, nowMs: number): Promise<KeyAndCertificate> {
  return issue(authority, {
    name,
    usage: CLIENT_AUTH,
    alternativeNames: [{ type: 'dns', value: name }],
    nowMs,
  });
}

/** SHA-256 of the certificate itself, in hex. */
export function fingerprint(certificatePem: string): string {
  return createHash('sha256')
    .update(new Uint8Array(x509.PemConverter.decodeFirst(certificatePem)))
    .digest('hex');
}
