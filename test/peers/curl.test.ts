// curl in front of Fermata, node:http2 behind it. One request a run: with prior knowledge curl 7.88 fails at the
// second on a connection (exit code 16), in front of node:http2 too.

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { run, unlessInstalled } from '../../tools/testbed/programs.js'
import { type OnStream, setUp } from '../world/proxy-world.js'

const skip = unlessInstalled('curl')

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** Tells what it was asked: method, fields of interest, and the body's length and checksum; or sends it back. */
const origin: OnStream = (stream, headers) => {
  if (headers[':path'] === '/echo') {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
    return
  }
  const hash = createHash('sha256')
  let length = 0
  stream.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    length += chunk.length
  })
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'x-method': String(headers[':method']) })
    stream.end(`${headers[':method']} ${headers[':authority']} ${length} ${hash.digest('hex')}\n`)
  })
}

async function curl(t: Test, ...args: string[]) {
  const options = ['--silent', '--show-error', '--http2-prior-knowledge', '--max-time', '60']
  const result = await run('curl', [...options, ...args])
  t.equal(result.code, 0, `exit code; ${result.stderr.slice(0, 200)}`)
  return result.stdout
}

t.test('GET, HEAD, POST', { skip }, async (t) => {
  const { url, close } = await setUp(origin)
  t.teardown(close)
  const authority = url.replace('http://', '')
  const nothing = sha(Buffer.alloc(0))
  t.equal(
    await curl(t, '-w', '%{http_version} %{http_code}', `${url}/`),
    `GET ${authority} 0 ${nothing}\n2 200`,
  )
  const head = await curl(t, '--head', `${url}/`)
  t.match(head, /^HTTP\/2 200 \r\n/)
  t.match(head, /\r\nx-method: HEAD\r\n/)
  t.equal(
    await curl(t, '--data-binary', 'a=1', `${url}/`),
    `POST ${authority} 3 ${sha(Buffer.from('a=1'))}\n`,
  )
})

t.test('5 MiB up, and up and down', { skip }, async (t) => {
  const { url, close } = await setUp(origin)
  t.teardown(close)
  const body = randomBytes(5 * 1024 * 1024)
  const directory = t.testdir({ body })
  const file = join(directory, 'body')
  t.match(
    await curl(t, '--upload-file', file, `${url}/up`),
    `PUT ${url.slice(7)} ${body.length} ${sha(body)}\n`,
  )
  const back = join(directory, 'back')
  await curl(t, '--data-binary', `@${file}`, '--output', back, `${url}/echo`)
  t.equal(sha(readFileSync(back)), sha(body))
})
