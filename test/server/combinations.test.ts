// Options of `serve` that cannot do what they say together are refused by name; those that can are not.

import t from 'tap'
import { parseListen } from '../../src/server/address.js'
import { checkTogether } from '../../src/server/combinations.js'
import type { ServeOptions } from '../../src/server/options.js'

const CLEAR = '127.0.0.1:8080'
const SECURE = 'https://127.0.0.1:8443'
const PAIR = { cert: ['a.pem'], key: ['a.key'] }

type Row = readonly [string[], Partial<ServeOptions>, string[], RegExp | null]

const ROWS: readonly Row[] = [
  [[CLEAR], {}, [], null],
  [[SECURE], PAIR, [], null],
  [[SECURE, CLEAR], { ...PAIR, clientCa: 'ca' }, [], null],
  [[SECURE], { ...PAIR, clientCa: 'ca', requireClientCert: true }, [], null],
  [[SECURE], {}, [], /https:\/\/ listener needs --cert/],
  [[SECURE], { ...PAIR, key: [] }, [], /got 1 --cert but 0 --key/],
  [[CLEAR], PAIR, [], /--cert is for https/],
  [[CLEAR], { clientCa: 'ca' }, [], /--client-ca is for https/],
  [[CLEAR], { clientCa: 'ca', requireClientCert: true }, [], /--client-ca is for https/],
  [[CLEAR], { requireClientCert: true }, [], /needs --client-ca/],
  [
    [SECURE, CLEAR],
    { ...PAIR, clientCa: 'ca', requireClientCert: true },
    [],
    /cannot hold on 127.0.0.1:8080/,
  ],
  [[CLEAR], { backendCa: 'ca' }, ['http://a', 'https://b'], null],
  [[CLEAR], { backendInsecure: true, backendName: 'x' }, ['h2://a'], null],
  [[CLEAR], { backendCa: 'ca' }, ['http://a'], /--backend-ca is for backends over TLS/],
  [[CLEAR], { backendName: 'x' }, ['h2c://a'], /--backend-name is for backends over TLS/],
  [[CLEAR], { backendInsecure: true }, [], /--backend-insecure is for backends over TLS/],
  [[CLEAR], { backendInsecure: true, backendCa: 'ca' }, ['https://a'], /leave out one/],
  [[CLEAR], { sendProxy: 'v2' }, ['http://a'], null],
  [[CLEAR], { sendProxy: 'v2' }, [], /--send-proxy is for backends of your own/],
  [[CLEAR, 'unix:/x'], { acceptProxy: ['10.0.0.0/8'] }, [], null],
  [['unix:/x'], { acceptProxy: ['10.0.0.0/8'] }, [], /--accept-proxy names networks/],
  [['127.0.0.1:0', '127.0.0.1:0'], {}, [], null],
  [[CLEAR, '8080'], {}, [], /127.0.0.1:8080 is given twice/],
  [['unix:/x', 'unix:/x'], {}, [], /unix:\/x is given twice/],
]

for (const [listen, options, urls, message] of ROWS) {
  const title = `${listen} ${JSON.stringify(options)} ${urls}`
  t.test(title, async (t) => {
    const check = () => checkTogether({ share: 'process', ...options }, listen.map(parseListen), urls)
    if (message === null) t.doesNotThrow(check)
    else t.throws(check, { name: 'ConfigError', message })
  })
}

t.test('a combination that cannot work is refused', async (t) => {
  t.ok(ROWS.some(([, , , message]) => message !== null))
})
