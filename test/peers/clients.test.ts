// Programs that nobody here wrote, before and behind a server of ours. Where one is not installed its test is
// skipped and says so.

import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Server } from '../../src/server/index.js'
import { once, setUp } from '../world/proxy-world.js'
import { freePort, run, start, unlessInstalled } from './programs.js'

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

t.test('curl: GET, HEAD, and an upload', { skip: unlessInstalled('curl') }, async (t) => {
  const setting = await setUp((stream, headers) => {
    const hash = createHash('sha256')
    stream.on('data', (chunk: Buffer) => hash.update(chunk))
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'x-method': String(headers[':method']) })
      stream.end(hash.digest('hex'))
    })
  })
  const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
  const body = randomBytes(5 * 1024 * 1024)
  writeFileSync(join(folder, 'body'), body)
  const curl = (...args: string[]) =>
    run('curl', ['-s', '--http2-prior-knowledge', '-m', '20', ...args, setting.url])
  t.equal((await curl()).stdout, sha(Buffer.alloc(0)))
  t.match((await curl('-I')).stdout, /^HTTP\/2 200[\s\S]*x-method: HEAD/)
  t.equal((await curl('--data-binary', `@${join(folder, 'body')}`)).stdout, sha(body))
  rmSync(folder, { recursive: true })
  await setting.close()
})

t.test('nghttp: padding, priorities, a body', { skip: unlessInstalled('nghttp') }, async (t) => {
  const setting = await setUp((stream) => {
    stream.respond({ ':status': 200 })
    stream.end('hello')
  })
  const { stdout } = await run('nghttp', ['-v', '-b', '100', setting.url])
  t.match(stdout, /:status: 200/)
  t.match(stdout, /hello/)
  t.notMatch(stdout, /error_code=(?!NO_ERROR)/)
  await setting.close()
})

t.test(
  'nghttpd behind, h2load before: one connection carries all of it',
  {
    skip: unlessInstalled('nghttpd', 'h2load'),
  },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'fermata-'))
    writeFileSync(join(folder, 'small'), 'hello, world')
    const port = await freePort()
    const nghttpd = await start('nghttpd', ['--no-tls', '-n1', '-m1000', '-d', folder, String(port)], {
      port,
    })
    const server = new Server({
      listen: [{ host: '127.0.0.1', port: 0 }],
      routes: [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${port}` }],
    })
    const url = await new Promise<string>((resolve) =>
      server.on('listening', (address) => resolve(`http://127.0.0.1:${address.port}/small`)),
    )
    const { stdout } = await run('h2load', ['-n', '20000', '-c', '10', '-m', '50', url])
    t.match(stdout, /20000 succeeded, 0 failed, 0 errored/)
    const [engine] = server.describe().engines as { sessions: unknown[] }[]
    t.equal(engine.sessions.length, 1)
    t.equal(server.proxy.outcomes.get('ok'), 20_000)
    const stopped = once(server, 'stopped')
    server.command('drain')
    await stopped
    await nghttpd.stop()
    rmSync(folder, { recursive: true })
  },
)
