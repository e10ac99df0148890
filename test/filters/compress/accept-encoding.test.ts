// The choice of a coding by Accept-Encoding (RFC 9110 §12.5.3).

import t from 'tap'
import { codingFor } from '../../../src/filters/compress/accept-encoding.js'

const OFFERED = ['br', 'zstd', 'gzip'] as const

t.test('a table of fields, with weights, `*`, identity, any case, and what is malformed', async (t) => {
  const table: readonly (readonly [string | null, string | null])[] = [
    [null, null],
    ['', null],
    ['gzip', 'gzip'],
    ['GZip', 'gzip'],
    ['x-gzip', 'gzip'],
    ['gzip, deflate, br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip;q=1.0, br;q=0.5', 'gzip'],
    ['gzip;q=0.5,br;q=0.5', 'br'],
    ['br;q=0, gzip', 'gzip'],
    ['gzip;q=0', null],
    ['gzip;q=0.000', null],
    ['*', 'br'],
    ['*;q=0', null],
    ['*;q=0, gzip', 'gzip'],
    ['br;q=0, *', 'zstd'],
    ['gzip;q=0.2, *;q=0.1', 'gzip'],
    ['identity', null],
    ['identity, gzip;q=0.5', null],
    ['identity;q=0.5, gzip', 'gzip'],
    ['identity;q=0.5, gzip;q=0.5', 'gzip'],
    ['identity;q=0', null],
    ['identity;q=0, *', 'br'],
    ['deflate, compress', null],
    ['gzip ; q=0.3 , br\t;\tq=0.2', 'gzip'],
    ['gzip;q=1.5', null],
    ['gzip;q=0.1234', null],
    ['gzip;q=', null],
    ['gzip;level=9', null],
    ['gzip;q=Infinity, br', 'br'],
    ['gz ip, br', 'br'],
    [',,gzip,,', 'gzip'],
    ['gzip, gzip;q=0', null],
    ['__proto__, gzip', 'gzip'],
  ]
  for (const [accepted, coding] of table) t.equal(codingFor(accepted, OFFERED), coding, String(accepted))
})

t.test('the order of what is offered decides between equals', async (t) => {
  t.equal(codingFor('br, gzip', ['gzip', 'br']), 'gzip')
  t.equal(codingFor('br, gzip;q=0.9', ['gzip', 'br']), 'br')
  t.equal(codingFor('br', []), null)
})
