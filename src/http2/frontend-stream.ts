// A stream that a client opened on an HTTP/2 connection.

import type { Client, FrontendStream } from '../http/index.js'
import { Http2Stream, type Http2StreamConnection } from './stream.js'

export class Http2FrontendStream extends Http2Stream implements FrontendStream {
  readonly client: Client
  readonly mayBeDeclined = false
  constructor(
    connection: Http2StreamConnection,
    client: Client,
    id: number,
    state: number,
    sendWindow: number,
    recvWindow: number,
  ) {
    super(connection, id, state, sendWindow, recvWindow)
    this.client = client
  }
}
