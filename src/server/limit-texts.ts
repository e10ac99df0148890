// What each limit is, for 'fermata limits'. Written by 'npm run limit-texts' from the doc comments of the
// Limits interfaces.

export const LIMIT_TEXTS: Readonly<Record<string, readonly [unit: string, text: string]>> = {
  'pollset.commandsMax': ['', 'orders that wait for the next turn; further ones are dropped'],
  'pollset.backendTcpKeepAliveMs': ['ms', 'ms in which nothing comes from a backend, likewise'],
  'pollset.resumesMax': [
    '',
    'Resumptions in one turn before the rest wait for the next: keeps a flood from starving the outside.',
  ],
  'pollset.acceptQueueMax': [
    '',
    "accepted sockets that wait for their listener's continuation; further ones are destroyed",
  ],
  'pollset.backlog': ['', 'connections the operating system queues for a listener'],
  'pollset.frontendTcpKeepAliveMs': [
    'ms',
    'ms in which nothing comes from a client until TCP asks whether its host is still there; whole seconds, 0: never. It asks ten times, a second apart: Node lets only the first of these times be chosen.',
  ],
  'pollset.readAheadBytesMax': [
    'bytes',
    'bytes received and not yet taken, past which reading from the operating system pauses',
  ],
  'pollset.lookAheadBytesMax': [
    'bytes',
    'bytes likewise while Socket.paused: as long as there are fewer, its end and reset are seen',
  ],
  'continuation.stepsMax': ['', 'Steps one resumption may take; the rest wait for the next turn (P12).'],
  'transport.connectMs': [
    'ms',
    'ms for a connection to a backend to be made, whatever it takes: name, addresses, TLS',
  ],
  'transport.connectAttemptMs': [
    'ms',
    "ms after which another address of a backend's name is tried beside one that does not answer (RFC 8305 §8)",
  ],
  'transport.connectAddressesMax': ['', 'addresses of one name that are tried'],
  'transport.heldBytesSoft': [
    'bytes',
    'bytes held by the World from which on connection credit is returned on consumption only and the longest stalled are reset',
  ],
  'transport.heldBytesMax': [
    'bytes',
    'bytes held by the World above which a stream is reset however short its stall',
  ],
  'transport.connectionHeldBytesMax': ['bytes', 'bytes held by one connection, likewise'],
  'transport.stallMs': ['ms', 'ms without progress after which a stream counts as stalled'],
  'transport.flushBytesMax': ['bytes', 'bytes of one write: the size of a large output slab'],
  'transport.largeSlabsMax': [
    '',
    'large output slabs in flight at once; past them bulk leaves 16 KiB at a time',
  ],
  'engine.sessionsMax': [
    '',
    'open sessions to the backend, those being opened included; as many again may wait for its end (E36)',
  ],
  'engine.openingMax': [
    '',
    'sessions being opened at once; until it is open, a session counts as room for one',
  ],
  'engine.queueMax': ['', 'leases waiting in the queue'],
  'engine.boundSessionsMax': [
    '',
    "sessions of one backend that are a client connection's own (NTLM, Negotiate); one more is closed behind its response",
  ],
  'engine.reopenDelayMs': [
    'ms',
    'ms before another opening is tried after one has failed, while other sessions serve',
  ],
  'http1.startLineBytesMax': [
    'bytes',
    'bytes of a request line (above: 414) or a status line (above: 502); RFC 9112 §3 asks for 8,000 at least',
  ],
  'http1.methodBytesMax': ['bytes', 'bytes of a method; above: 501 (RFC 9112 §3)'],
  'http1.emptyLinesMax': ['', 'empty lines that may stand before a request line (RFC 9112 §2.2)'],
  'http1.fieldSectionBytesMax': [
    'bytes',
    'bytes of all field lines of one head: requests above get 431, responses above 502',
  ],
  'http1.fieldsMax': ['', 'field lines of one head'],
  'http1.chunkSizeDigitsMax': ['', 'hexadecimal digits of a chunk-size, leading zeros counted'],
  'http1.chunkPaddingBytesMax': [
    'bytes',
    "bytes of blanks and zeros around each chunk-size of a backend; a client's has none (RFC 9112 §7.1)",
  ],
  'http1.chunkExtensionBytesMax': ['bytes', 'bytes of all chunk extensions of one message (RFC 9112 §7.1.1)'],
  'http1.trailerSectionBytesMax': ['bytes', 'bytes of all trailer lines of one message'],
  'http1.trailersMax': ['', 'trailer lines of one message'],
  'http1.bodyAheadBytesMax': [
    'bytes',
    'bytes of a body that may have come and not left before its connection is read no further',
  ],
  'http1.headMs': ['ms', 'ms from the first byte of a request to the end of its head: 408'],
  'http1.keepAliveMs': ['ms', 'ms a client connection stays open between two requests'],
  'http1.halfClosedMs': [
    'ms',
    'ms that a client which has sent FIN behind its whole request waits for the response head (504), or for more of a response that had begun. It may have left, as both look the same. 0: it is taken for that at once',
  ],
  'http1.drainIdleMs': [
    'ms',
    'ms in which an idle client connection takes one more request when it is asked to drain',
  ],
  'http1.keepAliveRequestsMax': [
    '',
    'requests on one client connection; the last is answered with `connection: close`',
  ],
  'http1.backendIdleMs': ['ms', 'ms a backend connection stays open between two requests'],
  'http1.interimsBurst': [
    '',
    'interim (1xx) responses of one response that pass: as many at once, as many a second; more are dropped',
  ],
  'http1.interimsPerSecond': [
    'a second',
    'interim heads of one stream that are taken each second behind the burst',
  ],
  'http1.interimBytesMax': ['bytes', 'bytes of interim responses of one stream that wait; more are dropped'],
  'http1.slowestBytesPerSecond': [
    'bytes a second',
    'bytes a second: a peer that takes as many is slow, not dead',
  ],
  'http1.transitBytesMax': [
    'bytes',
    'bytes that may be on their way to a peer: what the kernels of both sides hold at most',
  ],
  'http1.lingerMs': [
    'ms',
    "ms of silence after which a closing connection waits no longer for the peer's end",
  ],
  'http1.lingerTotalMs': [
    'ms',
    'ms that it waits in all, however much the peer says; both begin behind what may be on its way to the peer',
  ],
  'http1.lingerBytesMax': ['bytes', 'bytes that it reads and discards meanwhile'],
  'http2.headerListBytesMax': [
    'bytes',
    'bytes, RFC 9113 §6.5.2: requests above get 431, responses above 502',
  ],
  'http2.fieldsMax': ['', 'field lines of one message'],
  'http2.headerTableBytesMax': ['bytes', "bytes of HPACK's dynamic table, in each direction (RFC 7541 §4.2)"],
  'http2.concurrentStreamsMax': [
    '',
    'streams a client may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS)',
  ],
  'http2.backendStreamsMax': ['', 'streams we open on one backend connection, whatever it allows'],
  'http2.streamWindow': ['bytes', 'bytes a stream may send before it gets credit: its window at first'],
  'http2.streamWindowMax': [
    'bytes',
    'bytes a stream may send before it gets credit, at most: its window grows so far where it flows well',
  ],
  'http2.connectionWindow': ['bytes', 'bytes all streams of a connection may send before it gets credit'],
  'http2.controlBytesMax': ['bytes', 'bytes of control frames that may wait to be written'],
  'http2.idleFramesBurst': [
    '',
    'frames that carry nothing (PING, SETTINGS, PRIORITY, empty DATA …): as many at once, as many a second. PING, WINDOW_UPDATE and RST_STREAM may also come with work: four for each answer, three for each message of DATA, one for each 256 bytes of it',
  ],
  'http2.idleFramesPerSecond': [
    'a second',
    'frames with no work that are taken each second behind the burst',
  ],
  'http2.unreturnedBytesMax': [
    'bytes',
    'bytes of sent DATA that the peer may give back later in pieces of 256 and more, by connection and stream together',
  ],
  'http2.resetsBurst': [
    '',
    'streams reset by a client or for its faults: as many at once, as many a second (CVE-2023-44487, CVE-2025-8671)',
  ],
  'http2.resetsPerSecond': ['a second', 'resets by one client that are taken each second behind the burst'],
  'http2.backendResetsBurst': [
    '',
    'RST_STREAM we send to one backend: as many at once, as many a second; and a reserve for unfinished requests',
  ],
  'http2.backendResetsPerSecond': [
    'a second',
    'resets that one backend connection is sent each second behind the burst',
  ],
  'http2.backendResetsReserve': [
    '',
    'resets beside that budget in the life of a backend connection, for requests that are unfinished',
  ],
  'http2.turnBytesMax': [
    'bytes',
    'bytes, and frames, of one connection read in a turn: past either, what has come further waits for the next',
  ],
  'http2.turnFramesMax': ['', 'frames that one connection may have read in one turn'],
  'http2.prefaceMs': [
    'ms',
    "ms for the client's preface, for the peer's first SETTINGS, and for its acknowledgement of ours",
  ],
  'http2.frameMs': [
    'ms',
    'ms for a frame other than DATA, and for a field block over all its frames, from its first byte to its last',
  ],
  'http2.frontendIdleMs': ['ms', 'ms a client connection without streams stays open, whatever else it sends'],
  'http2.backendIdleMs': ['ms', 'ms a backend connection without streams stays open'],
  'http2.pingAfterMs': ['ms', 'ms of silence, with streams open, before a PING is sent'],
  'http2.pingIntervalMs': [
    'ms',
    'ms from one PING to the next, unless HEADERS or DATA came in between: gRPC servers allow one in five minutes, and PINGs may arrive closer together than they left',
  ],
  'http2.frontendPingTimeoutMs': [
    'ms',
    'ms for the answer to a PING, of a client and of a backend, beside what is on its way (slowestBytesPerSecond)',
  ],
  'http2.backendPingTimeoutMs': ['ms', 'ms that a silent backend has to answer PING while it owes an answer'],
  'http2.discardMs': [
    'ms',
    'ms a stream whose client has left may run dry before it is reset or its connection retired',
  ],
  'http2.discardBytesBurst': [
    'bytes',
    'bytes of credit that the dry streams of one backend connection get: as many at once, as many a second',
  ],
  'http2.discardBytesPerSecond': [
    'bytes a second',
    'bytes of credit each second, behind the burst, for the dry streams of one backend connection',
  ],
  'http2.drainIdleMs': [
    'ms',
    'ms in which a client that is told to open no more streams may still open some: until it acknowledges a PING sent with that',
  ],
  'http2.settingsMax': ['', 'parameters of one SETTINGS frame (CVE-2020-11080)'],
  'http2.headerBlockBytesMax': [
    'bytes',
    "bytes of a header block over all its frames that are kept: past them it is decoded and discarded, and is its stream's fault",
  ],
  'http2.continuationsMax': ['', 'CONTINUATION frames of a header block that is kept'],
  'http2.headerBlockDiscardMax': [
    '',
    'bytes of a header block that is discarded: past them the connection ends',
  ],
  'http2.continuationsDiscardMax': ['', 'CONTINUATION frames of such a block'],
  'http2.interimsBurst': [
    '',
    'interim (1xx) responses of one response that pass: as many at once, as many a second; more are dropped',
  ],
  'http2.interimsPerSecond': [
    'a second',
    'interim heads of one stream that are taken each second behind the burst',
  ],
  'http2.interimBytesMax': ['bytes', 'bytes of interim responses of one stream that wait; more are dropped'],
  'http2.slowestBytesPerSecond': [
    'bytes a second',
    'bytes a second: a peer that takes as many is slow, not dead',
  ],
  'http2.transitBytesMax': [
    'bytes',
    'bytes that may be on their way to a peer: what the kernels of both sides hold at most',
  ],
  'http2.lingerMs': [
    'ms',
    "ms of silence after which a closing connection waits no longer for the peer's end",
  ],
  'http2.lingerTotalMs': [
    'ms',
    'ms that it waits in all, however much the peer says; both begin behind what may be on its way to the peer',
  ],
  'http2.lingerBytesMax': ['bytes', 'bytes that it reads and discards meanwhile'],
  'proxy.leaseTimeoutMs': ['ms', 'ms that a request waits for a stream on a backend connection: 503'],
  'proxy.headTimeoutMs': [
    'ms',
    'ms from the last byte of the request that was sent to the final response head: 504, or 408 if the client has not sent the rest. After a body it counts from when all of it may have arrived (slowestBytesPerSecond)',
  ],
  'proxy.bodyTimeoutMs': [
    'ms',
    'ms after the final head in which no byte leaves in either direction: the stream is reset. If a side does not read, it counts from when all that it was sent may have arrived (slowestBytesPerSecond)',
  ],
  'proxy.bodyBytesMin': [
    'bytes',
    'bytes that must move in each bodyTimeoutMs (before the head: headTimeoutMs) while a side owes some: it has announced them by content-length, or does not read what waits for it',
  ],
  'proxy.exchangeTimeoutMs': [
    'ms',
    'ms from receiving a request to its end, whatever moves: 408, 503, 504, or the stream is reset',
  ],
  'proxy.tunnelIdleMs': ['ms', 'ms in which no byte leaves in either direction of a tunnel: it is closed'],
  'proxy.tunnelsMax': ['', 'tunnels that are requested or open; one more gets 503'],
  'proxy.retryTimeoutMs': ['ms', 'ms after receiving a request in which it may be sent again; later: 504'],
  'proxy.attemptsMax': ['', 'times that a request is sent at most, the first included'],
  'proxy.staleAttemptsMax': [
    '',
    'attempts beside attemptsMax, on connections that had served before and closed without a word',
  ],
  'proxy.neighbourAttemptsMax': [
    '',
    'attempts beside attemptsMax, on connections that were ended because of another request',
  ],
  'proxy.replayBytesMax': [
    'bytes',
    'bytes of a request body that are kept for a retry; a longer body is sent once',
  ],
  'server.connectionsMax': [
    '',
    'client connections that are open at once; one more is closed when it is accepted',
  ],
  'server.cutMs': ['ms', 'ms that connections have to close after the drain timeout; then the process exits'],
  'server.handshakeMs': [
    'ms',
    'ms from accepting a client connection until its protocol is known, with PROXY header and TLS handshake',
  ],
  'server.proxyHeaderBytesMax': [
    'bytes',
    'bytes of a PROXY header, its TLVs included; longer ones are refused',
  ],
  'server.http1SessionsMax': [
    '',
    'connections to one HTTP/1.1 backend (or one whose protocol ALPN decides), those being opened included',
  ],
  'server.http1OpeningMax': ['', 'connections to one such backend that are being opened at once'],
  'server.abusesMax': [
    '',
    'connections of one address closed for abuse within abuseWindowMs, after which it is refused; 0: never',
  ],
  'server.abuseWindowMs': ['ms', 'ms in which abuses of one address are counted together'],
  'server.refusalMs': ['ms', 'ms that such an address is refused, from its last abuse on'],
  'server.abusersMax': [
    '',
    'addresses that are remembered for abuse; one more, and the one with the oldest abuse is forgotten',
  ],
  'server.connectionsPerAddressMax': [
    '',
    'client connections of one address that are open at once; one more is closed; 0: any number',
  ],
  'server.logRepeatMs': [
    'ms',
    'ms in which further lines of one kind about one backend are counted, not written',
  ],
  'server.logLineCharactersMax': ['', 'characters of a line of the process log; the rest is cut off'],
}
