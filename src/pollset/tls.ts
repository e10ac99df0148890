// The contract of TLS, which is under the door: code above reads and writes clear text, and sees the result
// of the handshake. The pollset does the work (node/tls.ts).

/** A certificate chain and its private key, both PEM. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  /** The source of the two, for error messages. */
  readonly from?: string
}

export interface TlsServerOptions {
  /**
   * At least one certificate. The first serves clients that name no server or an unknown one (RFC 6066 §3).
   */
  readonly certificates: readonly Certificate[]
  /** Protocol names (RFC 7301), in order of preference. */
  readonly alpn: readonly string[]
  /** `request`: a client may send a certificate; `require`: the handshake fails without a valid one. */
  readonly clientCertificate?: 'none' | 'request' | 'require'
  /** PEM of the authorities that client certificates are checked against. */
  readonly clientCa?: string
}

export interface TlsClientOptions {
  /** The name for SNI, which the certificate must match; '' for none, as with an IP address. */
  readonly serverName: string
  /** Protocol names (RFC 7301), in order of preference. */
  readonly alpn: readonly string[]
  /** False: accepts any certificate, which lets anyone on the path read and change the traffic. */
  readonly verify: boolean
  /** PEM of the authorities to trust instead of the runtime's own. */
  readonly ca?: string
  /** Our certificate, sent if the server asks for one. */
  readonly certificate?: Certificate
}

/** The TLS side of accepted sockets. Use it only with the pollset that made it. */
export interface TlsServer {
  readonly options: TlsServerOptions
}

/** The TLS side of connects. Use it only with the pollset that made it. */
export interface TlsClient {
  readonly options: TlsClientOptions
}

/** The result of a handshake. */
export interface Secured {
  /** The protocol chosen by ALPN; '' if none was. */
  readonly protocol: string
  /** The TLS version, such as `TLSv1.3`. */
  readonly version: string
  /** The IANA name of the cipher, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string
  /** The server name that the client sent; '' if it sent none. */
  readonly serverName: string
  /** True if the peer sent a valid certificate. */
  readonly authorized: boolean
  /** Subject and SHA-256 fingerprint of the peer's certificate; null if it sent none. */
  readonly peer: { readonly subject: string; readonly fingerprint: string } | null
}
