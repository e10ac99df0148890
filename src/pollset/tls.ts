// TLS lies under the door: what is above reads and writes clear text, and sees what the handshake has
// settled. Here is how it is asked for and what is told of it; who does it is the pollset's own affair
// (node/tls.ts).

/** A certificate chain and its private key, both PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  /** Where the two are from, for whoever reads what is wrong with them. */
  readonly from?: string
}

export interface TlsServerOptions {
  /** One at least. The first serves clients that name no server, or one that none is for (RFC 6066 §3). */
  readonly certificates: readonly Certificate[]
  /** Protocol names (RFC 7301), the most wanted first. */
  readonly alpn: readonly string[]
  /** `request`: a client may show a certificate; `require`: without a good one the handshake fails. */
  readonly clientCertificate?: 'none' | 'request' | 'require'
  /** PEM of the authorities that client certificates are checked against. */
  readonly clientCa?: string
}

export interface TlsClientOptions {
  /** The name asked for (SNI) and that the certificate must be for; '' for none, as with a bare address. */
  readonly serverName: string
  /** Protocol names (RFC 7301), the most wanted first. */
  readonly alpn: readonly string[]
  /** False: take any certificate. Explicit, since it lets anyone in between read along. */
  readonly verify: boolean
  /** PEM of the authorities to trust in place of those that the runtime knows. */
  readonly ca?: string
  /** To be shown where the server asks for one. */
  readonly certificate?: Certificate
}

/** What a listener's sockets become secure with. Made by the pollset whose sockets it secures. */
export interface TlsServer {
  readonly options: TlsServerOptions
}

/** What a connect becomes secure with. Made by the pollset that connects. */
export interface TlsClient {
  readonly options: TlsClientOptions
}

/** What the handshake has settled. */
export interface Secured {
  /** The protocol chosen by ALPN; '' when none was. */
  readonly protocol: string
  /** As in `TLSv1.3`. */
  readonly version: string
  /** As in `TLS_AES_128_GCM_SHA256` (its IANA name). */
  readonly cipher: string
  /** The server name that the client asked for; '' when it named none. */
  readonly serverName: string
  /** The peer has shown a certificate, and it is good. */
  readonly authorized: boolean
  /** Subject and SHA-256 fingerprint of the peer's certificate; null when it has shown none. */
  readonly peer: { readonly subject: string; readonly fingerprint: string } | null
}
