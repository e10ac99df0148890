// TCP keepalive (RFC 9293 §3.8.4). Node can set only the time of silence before the first probe.

/** Node's options for TCP keepalive. */
export interface TcpKeepAlive {
  readonly keepAlive: boolean
  readonly keepAliveInitialDelay: number
}

/** @param ms the silence before the first probe; 0: no probes */
export const tcpKeepAlive = (ms: number): TcpKeepAlive => ({
  keepAlive: ms > 0,
  keepAliveInitialDelay: Math.max(1_000, ms),
})
