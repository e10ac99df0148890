// TCP keepalive (RFC 9293 §3.8.4), as Node lets it be set: only the first of its times.

/** What Node wants to be told of TCP's keepalive. */
export interface TcpKeepAlive {
  readonly keepAlive: boolean
  readonly keepAliveInitialDelay: number
}

/** @param ms of silence before the first question; 0: never */
export const tcpKeepAlive = (ms: number): TcpKeepAlive => ({
  keepAlive: ms > 0,
  keepAliveInitialDelay: Math.max(1_000, ms),
})
