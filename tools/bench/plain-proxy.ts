// A proxy that takes a few lines with node:http2: one session to each backend, streams piped both ways. It is
// compared, not recommended: it handles no error but by resetting.
//
//   plain-proxy.js PORT BACKEND_URL [HOST=BACKEND_URL ...]

import * as http2 from 'node:http2'

// Megabytes; the default of 10 refuses streams when 20,000 are held.
const maxSessionMemory = 1000
const [port, backendUrl, ...routes] = process.argv.slice(2) as [string, string, ...string[]]
const session = (url: string): http2.ClientHttp2Session => http2.connect(url, { maxSessionMemory })
const backend = session(backendUrl)
const byHost = new Map(
  routes.map((each) => {
    const at = each.indexOf('=')
    return [each.slice(0, at), session(each.slice(at + 1))]
  }),
)

const server = http2.createServer({ maxSessionMemory })
server.on('stream', (stream, headers, flags) => {
  const endStream = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0
  const target = byHost.get(headers[':authority'] ?? '') ?? backend
  const request = target.request({ ...headers }, { endStream })
  request.on('response', (response, responseFlags) => {
    const ended = (responseFlags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0
    if (stream.destroyed) return
    stream.respond({ ...response }, { endStream: ended })
    if (!ended) request.pipe(stream)
  })
  if (!endStream) stream.pipe(request)
  request.on('error', () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR))
  stream.on('error', () => request.close(http2.constants.NGHTTP2_CANCEL))
  stream.on('aborted', () => request.close(http2.constants.NGHTTP2_CANCEL))
})
server.listen(Number(port), '127.0.0.1')
