// What each limit is, for 'fermata limits'. Written by 'npm run limit-texts' from the doc comments of the
// Limits interfaces.

export const LIMIT_TEXTS: Readonly<Record<string, readonly [unit: string, text: string]>> = {
  'pollset.commandsMax': ['', 'The number of commands that wait for the next turn. One more is dropped.'],
  'pollset.backendTcpKeepAliveMs': [
    'ms',
    "The time of silence after which TCP probes a backend's host, in ms, as frontendTcpKeepAliveMs does.",
  ],
  'pollset.resumesMax': [
    '',
    'The number of continuations that one turn resumes. The rest wait for the next turn, so that a flood does not keep the loop from its sockets.',
  ],
  'pollset.acceptQueueMax': [
    '',
    "The number of accepted sockets that wait for their listener's continuation. One more is closed.",
  ],
  'pollset.backlog': ['', 'The number of connections that the operating system queues for a listener.'],
  'pollset.frontendTcpKeepAliveMs': [
    'ms',
    "The time of silence after which TCP probes a client's host, in ms (whole seconds). It probes ten times, a second apart: Node sets only the first of these times. 0: never.",
  ],
  'pollset.readAheadBytesMax': [
    'bytes',
    'The bytes that a socket has received and nothing has taken, past which reading from the operating system pauses.',
  ],
  'pollset.lookAheadBytesMax': [
    'bytes',
    'The bytes that a paused socket still reads, so that its end and its reset are seen.',
  ],
  'continuation.stepsMax': [
    '',
    'The number of steps of one continuation in a turn. The rest wait for the next turn (P12).',
  ],
  'transport.connectMs': [
    'ms',
    'The longest time to make a connection to a backend, in ms: name, addresses and TLS.',
  ],
  'transport.connectAttemptMs': [
    'ms',
    "The time after which the next address of a backend's name is tried beside one that does not answer, in ms (RFC 8305 §8).",
  ],
  'transport.connectAddressesMax': ['', 'The number of addresses of one name that are tried.'],
  'transport.heldBytesSoft': [
    'bytes',
    'The bytes buffered by the World from which on connection credit is returned only when they are consumed, and the streams that stalled longest are reset.',
  ],
  'transport.heldBytesMax': [
    'bytes',
    'The bytes buffered by the World past which streams are reset even before they have stalled.',
  ],
  'transport.connectionHeldBytesMax': [
    'bytes',
    'The bytes buffered by one connection past which its streams are reset even before they have stalled.',
  ],
  'transport.stallMs': ['ms', 'The time without progress after which a stream counts as stalled, in ms.'],
  'transport.flushBytesMax': ['bytes', 'The bytes of one write: the size of a large output slab.'],
  'transport.largeSlabsMax': [
    '',
    'The number of large output slabs of the World. Past it connections write 16 KiB at a time.',
  ],
  'engine.sessionsMax': [
    '',
    "The number of sessions to the backend, those being opened included. As many again may wait for the peer's close (E36).",
  ],
  'engine.openingMax': [
    '',
    'The number of sessions that are being opened at once. Each counts as room for one lease until it is open.',
  ],
  'engine.queueMax': ['', 'The number of leases that wait in the queue. One more is refused.'],
  'engine.boundSessionsMax': [
    '',
    'The number of sessions of one backend that each belong to a client connection (NTLM, Negotiate). One more is closed after its response.',
  ],
  'engine.reopenDelayMs': [
    'ms',
    'The time after a failed opening before the next one, while other sessions serve, in ms.',
  ],
  'http1.startLineBytesMax': [
    'bytes',
    'The bytes of a request line (above: 414) or a status line (above: 502). RFC 9112 §3 asks for 8,000 at least.',
  ],
  'http1.methodBytesMax': ['bytes', 'The bytes of a method. Above: 501 (RFC 9112 §3).'],
  'http1.emptyLinesMax': [
    '',
    'The number of empty lines that may stand before a request line (RFC 9112 §2.2).',
  ],
  'http1.fieldSectionBytesMax': [
    'bytes',
    'The bytes of all field lines of one head. Above: 431 for a request, 502 for a response.',
  ],
  'http1.fieldsMax': [
    '',
    'The number of field lines of one head. Above: 431 for a request, 502 for a response.',
  ],
  'http1.chunkSizeDigitsMax': ['', 'The hexadecimal digits of a chunk size, leading zeros included.'],
  'http1.chunkPaddingBytesMax': [
    'bytes',
    'The bytes of blanks and zeros around each chunk size of a backend. A client must send none (RFC 9112 §7.1).',
  ],
  'http1.chunkExtensionBytesMax': [
    'bytes',
    'The bytes of all chunk extensions of one message (RFC 9112 §7.1.1).',
  ],
  'http1.trailerSectionBytesMax': ['bytes', 'The bytes of all trailer lines of one message.'],
  'http1.trailersMax': ['', 'The number of trailer lines of one message.'],
  'http1.bodyAheadBytesMax': [
    'bytes',
    'The bytes of a body that may have come and not been sent on. Past them the connection is not read.',
  ],
  'http1.headMs': [
    'ms',
    'The longest time from the first byte of a request to the end of its head, in ms. After it: 408.',
  ],
  'http1.keepAliveMs': ['ms', 'The time that a client connection stays open between two requests, in ms.'],
  'http1.halfClosedMs': [
    'ms',
    'The longest wait of a client that has sent FIN after its request, for the response head (504) or for more of a response that has begun, in ms. Such a client may have left, which looks the same. 0: it is taken for gone at once.',
  ],
  'http1.drainIdleMs': [
    'ms',
    'The time in which an idle client connection takes one more request after draining begins, in ms.',
  ],
  'http1.keepAliveRequestsMax': [
    '',
    'The number of requests on one client connection. The last is answered with `connection: close`.',
  ],
  'http1.backendIdleMs': ['ms', 'The time that a backend connection stays open between two requests, in ms.'],
  'http1.interimsBurst': [
    '',
    'The number of interim (1xx) responses of one response that pass at once. More are dropped.',
  ],
  'http1.interimsPerSecond': [
    'a second',
    'The number of interim responses of one response that pass each second after the burst.',
  ],
  'http1.interimBytesMax': [
    'bytes',
    'The bytes of interim responses of one stream that wait to be sent. More are dropped.',
  ],
  'http1.slowestBytesPerSecond': [
    'bytes a second',
    'The rate at which a slow peer is still taken for alive, in bytes a second.',
  ],
  'http1.transitBytesMax': [
    'bytes',
    'The bytes that may be on their way to a peer: the most that the kernels of both sides hold.',
  ],
  'http1.lingerMs': [
    'ms',
    "The time of silence after which a closing connection no longer waits for the peer's close, in ms. It begins when all that was sent may have arrived.",
  ],
  'http1.lingerTotalMs': [
    'ms',
    "The longest wait for the peer's close, however much the peer sends, in ms. It begins when all that was sent may have arrived.",
  ],
  'http1.lingerBytesMax': ['bytes', 'The bytes that a lingering connection reads and discards.'],
  'http2.headerListBytesMax': [
    'bytes',
    'The bytes of a header list (RFC 9113 §6.5.2). Above: 431 for a request, 502 for a response.',
  ],
  'http2.fieldsMax': [
    '',
    'The number of field lines of one message. Above: 431 for a request, 502 for a response.',
  ],
  'http2.headerTableBytesMax': [
    'bytes',
    "The bytes of HPACK's dynamic table, in each direction (RFC 7541 §4.2).",
  ],
  'http2.concurrentStreamsMax': [
    '',
    'The number of streams that a client may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS).',
  ],
  'http2.backendStreamsMax': [
    '',
    'The number of streams that we open on one backend connection, even if it allows more.',
  ],
  'http2.streamWindow': [
    'bytes',
    'The bytes that a new stream may send before it gets credit: its initial window.',
  ],
  'http2.streamWindowMax': [
    'bytes',
    'The bytes that a stream may send before it gets credit, at most. The window of a stream that flows well grows to it.',
  ],
  'http2.connectionWindow': [
    'bytes',
    'The bytes that all streams of a connection may send before it gets credit.',
  ],
  'http2.controlBytesMax': [
    'bytes',
    'The bytes of control frames that wait to be written. Past them the connection is closed.',
  ],
  'http2.idleFramesBurst': [
    '',
    'The number of frames without payload (PING, SETTINGS, PRIORITY, empty DATA …) that are taken at once. PING, WINDOW_UPDATE and RST_STREAM may also come with work: four for each response, three for each DATA frame, one for each 256 bytes of DATA.',
  ],
  'http2.idleFramesPerSecond': [
    'a second',
    'The number of frames without payload or work that are taken each second after the burst.',
  ],
  'http2.unreturnedBytesMax': [
    'bytes',
    'The bytes of sent DATA for which the peer may return credit later in pieces of 256 bytes and more, by connection and stream together.',
  ],
  'http2.resetsBurst': [
    '',
    'The number of streams at once that a client resets, or that are reset for its faults (CVE-2023-44487, CVE-2025-8671). Past it the connection is closed.',
  ],
  'http2.resetsPerSecond': ['a second', 'The number of such resets each second after the burst.'],
  'http2.backendResetsBurst': [
    '',
    'The number of RST_STREAM frames that we send to one backend connection at once. Past it streams are drained and discarded instead.',
  ],
  'http2.backendResetsPerSecond': [
    'a second',
    'The number of such RST_STREAM frames each second after the burst.',
  ],
  'http2.backendResetsReserve': [
    '',
    'The number of further RST_STREAM frames in the life of a backend connection, for requests that are not whole.',
  ],
  'http2.turnBytesMax': [
    'bytes',
    'The bytes of one connection that are read in a turn. The rest waits for the next turn.',
  ],
  'http2.turnFramesMax': [
    '',
    'The number of frames of one connection that are read in a turn. The rest waits for the next turn.',
  ],
  'http2.prefaceMs': [
    'ms',
    "The longest wait for the client's preface, for the peer's first SETTINGS and for its acknowledgement of ours, in ms.",
  ],
  'http2.frameMs': [
    'ms',
    'The longest time from the first byte of a frame other than DATA to its last, in ms; of a header block over all its frames.',
  ],
  'http2.frontendIdleMs': [
    'ms',
    'The time that a client connection without streams stays open, whatever else it sends, in ms.',
  ],
  'http2.backendIdleMs': ['ms', 'The time that a backend connection without streams stays open, in ms.'],
  'http2.pingAfterMs': [
    'ms',
    'The time of silence, while streams are open, after which a PING is sent, in ms.',
  ],
  'http2.pingIntervalMs': [
    'ms',
    'The time between two PINGs, unless HEADERS or DATA came in between, in ms. gRPC servers allow one in five minutes.',
  ],
  'http2.frontendPingTimeoutMs': [
    'ms',
    "The longest wait for a client's answer to PING, in ms. Time begins when all that was sent may have arrived (slowestBytesPerSecond).",
  ],
  'http2.backendPingTimeoutMs': [
    'ms',
    "The longest wait for a backend's answer to PING, in ms. Time begins as for frontendPingTimeoutMs.",
  ],
  'http2.discardMs': [
    'ms',
    'The longest time for which DATA of a stream is discarded after its client has left, in ms. Then it is reset, or its connection retired.',
  ],
  'http2.discardBytesBurst': [
    'bytes',
    'The bytes of credit that streams whose DATA is discarded get at once, on one backend connection.',
  ],
  'http2.discardBytesPerSecond': ['bytes a second', 'The bytes of such credit each second after the burst.'],
  'http2.drainIdleMs': [
    'ms',
    'The time in which a client that got GOAWAY may still open streams, in ms. It ends when the client acknowledges a PING that was sent with the GOAWAY.',
  ],
  'http2.settingsMax': ['', 'The number of parameters of one SETTINGS frame (CVE-2020-11080).'],
  'http2.headerBlockBytesMax': [
    'bytes',
    'The bytes of a header block, over all its frames, that are kept. A longer block is decoded and discarded, and fails its stream.',
  ],
  'http2.continuationsMax': [
    '',
    'The number of CONTINUATION frames of a header block that is kept. One more, and the block is discarded as a longer one.',
  ],
  'http2.headerBlockDiscardMax': [
    '',
    'The bytes of a header block that is discarded. Past them the connection is closed.',
  ],
  'http2.continuationsDiscardMax': [
    '',
    'The number of CONTINUATION frames of a header block that is discarded. Past them the connection is closed.',
  ],
  'http2.interimsBurst': [
    '',
    'The number of interim (1xx) responses of one response that pass at once. More are dropped.',
  ],
  'http2.interimsPerSecond': [
    'a second',
    'The number of interim responses of one response that pass each second after the burst.',
  ],
  'http2.interimBytesMax': [
    'bytes',
    'The bytes of interim responses of one stream that wait to be sent. More are dropped.',
  ],
  'http2.slowestBytesPerSecond': [
    'bytes a second',
    'The rate at which a slow peer is still taken for alive, in bytes a second.',
  ],
  'http2.transitBytesMax': [
    'bytes',
    'The bytes that may be on their way to a peer: the most that the kernels of both sides hold.',
  ],
  'http2.lingerMs': [
    'ms',
    "The time of silence after which a closing connection no longer waits for the peer's close, in ms. It begins when all that was sent may have arrived.",
  ],
  'http2.lingerTotalMs': [
    'ms',
    "The longest wait for the peer's close, however much the peer sends, in ms. It begins when all that was sent may have arrived.",
  ],
  'http2.lingerBytesMax': ['bytes', 'The bytes that a lingering connection reads and discards.'],
  'proxy.leaseTimeoutMs': [
    'ms',
    'The longest wait of a request for a stream on a backend connection, in ms. After it: 503.',
  ],
  'proxy.headTimeoutMs': [
    'ms',
    'The longest wait for the final response head after the last byte of the request, in ms. After it: 504, or 408 if the client has not sent the rest. Time begins when the body may have arrived (slowestBytesPerSecond).',
  ],
  'proxy.bodyTimeoutMs': [
    'ms',
    'The longest time, after the final response head, in which no byte leaves in either direction, in ms. After it the stream is reset. For a side that does not read, time begins when all that it was sent may have arrived (slowestBytesPerSecond).',
  ],
  'proxy.bodyBytesMin': [
    'bytes',
    'The bytes that must move in each bodyTimeoutMs (before the response head: headTimeoutMs) while a side owes some: it has announced them by content-length, or does not read what waits for it.',
  ],
  'proxy.exchangeTimeoutMs': [
    'ms',
    'The longest time from receiving a request to its end, whatever moves, in ms. After it: 408, 503 or 504, or the stream is reset.',
  ],
  'proxy.tunnelIdleMs': [
    'ms',
    'The longest time in which no byte leaves in either direction of a tunnel, in ms. After it the tunnel is closed.',
  ],
  'proxy.tunnelsMax': ['', 'The number of tunnels that are requested or open. One more gets 503.'],
  'proxy.retryTimeoutMs': [
    'ms',
    'The time after receiving a request in which it may be sent again, in ms. Later: 504.',
  ],
  'proxy.attemptsMax': ['', 'The number of times that a request is sent, the first included.'],
  'proxy.staleAttemptsMax': [
    '',
    'The number of further attempts after connections that had served before and closed without a word.',
  ],
  'proxy.neighbourAttemptsMax': [
    '',
    'The number of further attempts after connections that were closed because of another request.',
  ],
  'proxy.replayBytesMax': [
    'bytes',
    'The bytes of a request body that are kept for a retry. A longer body is sent once.',
  ],
  'server.connectionsMax': [
    '',
    'The number of open client connections. One more is closed when it is accepted.',
  ],
  'server.cutMs': [
    'ms',
    'The time that connections have to close after the drain timeout, in ms. Then the process exits.',
  ],
  'server.handshakeMs': [
    'ms',
    'The longest time from accepting a client connection until its protocol is known, with PROXY header and TLS handshake, in ms. After it the connection is closed.',
  ],
  'server.proxyHeaderBytesMax': [
    'bytes',
    'The bytes of a PROXY header, its TLVs included. A longer one is refused.',
  ],
  'server.http1SessionsMax': [
    '',
    'The number of connections to one HTTP/1.1 backend, or one whose protocol ALPN decides, those being opened included.',
  ],
  'server.http1OpeningMax': [
    '',
    'The number of connections to one such backend that are being opened at once.',
  ],
  'server.abusesMax': [
    '',
    'The number of connections of one address, closed for abuse within abuseWindowMs, after which the address is refused. 0: never.',
  ],
  'server.abuseWindowMs': ['ms', 'The time in which abuses of one address are counted together, in ms.'],
  'server.refusalMs': ['ms', 'The time for which an address is refused after its last abuse, in ms.'],
  'server.abusersMax': [
    '',
    'The number of addresses that are remembered for abuse. One more replaces the one with the oldest abuse.',
  ],
  'server.connectionsPerAddressMax': [
    '',
    'The number of open client connections of one address. One more is closed. 0: any number.',
  ],
  'server.logRepeatMs': [
    'ms',
    'The time after a log line in which further lines of its kind about the same backend are counted, not written, in ms.',
  ],
  'server.logLineCharactersMax': ['', 'The characters of a line of the process log. The rest is cut off.'],
}
