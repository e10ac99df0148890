// nghttpd, nghttp2's server of files, as the backend of a Fermata in this process.

import type { Test } from 'tap'
import type { SomeLimits } from '../../src/server/index.js'
import { freePort, start } from '../../tools/testbed/programs.js'
import { setUp } from '../world/proxy-world.js'

export interface NghttpdOptions {
  /** Options of its command line. */
  readonly options?: readonly string[]
  /** Options of Fermata. */
  readonly limits?: SomeLimits
}

/** nghttpd with these files, and Fermata before it. */
export async function beforeNghttpd(
  t: Test,
  files: Readonly<Record<string, string | Buffer>>,
  { options = [], limits = {} }: NghttpdOptions = {},
) {
  const port = await freePort()
  const args = ['--no-tls', '-a', '127.0.0.1', '-d', t.testdir(files), ...options, `${port}`]
  const server = await start('nghttpd', args, { port })
  t.teardown(() => server.stop())
  const setting = await setUp(() => t.fail('this backend is not asked'), limits, {
    routes: [{ host: '', prefix: '/', url: `h2c://127.0.0.1:${port}` }],
  })
  t.teardown(setting.close)
  const engine = () => setting.server.proxy.backends.flatMap((each) => each.engines())[0]
  return { ...setting, opens: () => engine().opens }
}
