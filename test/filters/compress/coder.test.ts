// The coders of zlib: parts are coded in other threads; what was flushed can be read at once.

import { brotliDecompressSync, createBrotliDecompress, createGunzip, gunzipSync } from 'node:zlib'
import t from 'tap'
import { type Coder, type Part, zlibCoders } from '../../../src/filters/compress/coder.js'

const coded = (coder: Coder, part: Buffer, as: Part) =>
  new Promise<Buffer>((resolve, reject) =>
    coder.code(part, as)(
      (fault, value) => (fault === null ? resolve(Buffer.concat(value ?? [])) : reject(fault)),
      new AbortController().signal,
    ),
  )

const decoders = { br: createBrotliDecompress, gzip: createGunzip, zstd: createGunzip }
const decoded = { br: brotliDecompressSync, gzip: gunzipSync, zstd: gunzipSync }

for (const coding of zlibCoders.codings) {
  if (coding === 'zstd') continue
  for (const flushesAll of [false, true]) {
    t.test(`${coding}: parts, flushes, the end${flushesAll ? '; each is flushed' : ''}`, async (t) => {
      const coder = zlibCoders.coder(coding, 4, flushesAll)
      const decoder = decoders[coding]()
      let got = ''
      decoder.setEncoding('latin1')
      decoder.on('data', (text: string) => {
        got += text
      })
      const parts: readonly (readonly [string, Part])[] = [
        ['a'.repeat(16_384), 'more'],
        ['hello', 'flush'],
        ['', 'flush'],
        ['b'.repeat(10_000), 'flush'],
        ['end', 'end'],
      ]
      let sent = ''
      let all = Buffer.alloc(0)
      for (const [text, as] of parts) {
        const bytes = await coded(coder, Buffer.from(text), as)
        t.ok(bytes.length <= coder.burstBytes)
        sent += text
        all = Buffer.concat([all, bytes])
        if (bytes.length > 0) await new Promise<void>((resolve) => decoder.write(bytes, () => resolve()))
        if (as !== 'more') t.equal(got, sent, `${as} after ${sent.length} bytes`)
      }
      t.equal(decoded[coding](all).toString('latin1'), sent)
      coder.close()
      decoder.destroy()
    })
  }

  t.test(`${coding}: it is closed while a part is coded: that settles all the same`, async (t) => {
    for (const as of ['more', 'flush', 'end'] as const) {
      const coder = zlibCoders.coder(coding, 4, false)
      const part = coded(coder, Buffer.alloc(16_384, 'x'), as)
      coder.close()
      await part
      t.pass(as)
    }
    zlibCoders.coder(coding, 4, false).close()
  })

  t.test(`${coding}: noise does not burst its bounds`, async (t) => {
    const coder = zlibCoders.coder(coding, coding === 'br' ? 6 : 9, false)
    let most = 0
    for (let i = 0; i < 64; i++) {
      const part = Buffer.alloc(16_384)
      for (let at = 0; at < part.length; at++)
        part[at] = (Math.imul(at + i * 16_384, 2_654_435_761) >>> 13) & 0xff
      most = Math.max(most, (await coded(coder, part, i % 9 === 8 ? 'flush' : 'more')).length)
    }
    t.ok(most > 0)
    t.ok(most <= coder.burstBytes, `${most} bytes`)
    coder.close()
  })
}
