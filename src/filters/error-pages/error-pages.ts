// errorPages: gives errors a page of the operator, by status, and in the type that the client prefers. Pages
// are read with the configuration: no request waits for a file.

import { z } from 'zod'
import { type FieldLine, type Filter, PASS, type ResponsePhase, type Verdict } from '../../proxy/index.js'
import { defineFilter, type OptionReading, type OptionTypes } from '../define.js'
import { readWrittenValue } from '../field-options.js'
import { bestOf } from './accept.js'

const PAGE_BYTES_MAX = 256 * 1024
const PAGES_MAX = 100
const HTML = 'text/html; charset=utf-8'

/** Fields that describe the content which a page replaces. */
const OF_CONTENT: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
])
/** Fields that the proxy writes itself. */
const NOT_OURS: ReadonlySet<string> = new Set([
  'connection',
  'date',
  'keep-alive',
  'trailer',
  'transfer-encoding',
])

/** The first and the last status. */
type StatusRange = readonly [number, number]

/** Reads `404`, and `500-599`. */
function readStatuses(text: string): OptionReading<StatusRange> {
  const [, first, last = first] = /^(\d{3})(?:-(\d{3}))?$/.exec(text) ?? []
  const range: StatusRange = [Number(first), Number(last)]
  return first !== undefined && range[0] >= 400 && range[0] <= range[1] && range[1] <= 599
    ? { value: range }
    : { wrong: `${JSON.stringify(text)} is no status of an error; write one, as 404, or a range, as 500-599` }
}

function readPage(text: string): OptionReading<string> {
  return Buffer.byteLength(text) <= PAGE_BYTES_MAX
    ? { value: text }
    : { wrong: 'the page has more than 256 KiB; make it shorter' }
}

const errorPagesOptions = (types: OptionTypes) => {
  const status = types.number(
    'A status from 400 to 599, or a range of them.',
    'a status, as 404, or a range, as 500-599',
    { type: ['integer', 'string'] },
    readStatuses,
  )
  return z.strictObject({
    of: types
      .word('The errors: refusals of the proxy (proxy), those of backends, or all. Default: proxy.', [
        'proxy',
        'backends',
        'all',
      ])
      .optional(),
    pages: z
      .array(
        z.strictObject({
          status: z
            .union([status, z.array(status).min(1).max(PAGES_MAX)])
            .describe('The status codes of the errors.'),
          body: types.text('The page; { file: PATH } reads one.', 'text, or { file: PATH }', readPage),
          type: types
            .text(`Its content type. Default: ${HTML}.`, 'a content type, as text/html', (text) =>
              /^[\w.+-]+\/[\w.+-]+\s*(?:;.*)?$/.test(text)
                ? readWrittenValue(text)
                : { wrong: `${JSON.stringify(text)} is not a content type; write one, as text/html` },
            )
            .optional(),
        }),
      )
      .min(1)
      .max(PAGES_MAX)
      .describe(
        'Pages. Of those for a status the client gets the type that its Accept names; the first, if it has none.',
      ),
  })
}

type ErrorPagesOptions = z.output<ReturnType<typeof errorPagesOptions>>

interface Page {
  readonly ranges: readonly StatusRange[]
  readonly body: Buffer
  readonly type: string
}

class ErrorPagesFilter implements Filter {
  private readonly of: 'proxy' | 'backends' | 'all'
  private readonly pages: readonly Page[]
  private readonly counts = { replaced: 0 }

  constructor({ of = 'proxy', pages }: ErrorPagesOptions) {
    this.of = of
    this.pages = pages.map(({ status, body, type = HTML }) => ({
      ranges: (typeof status[0] === 'number' ? [status] : status) as readonly StatusRange[],
      body: Buffer.from(body),
      type,
    }))
  }

  response(x: ResponsePhase): Verdict {
    const { from, status } = x
    if (status < 400 || from === 'answer') return PASS
    if (this.of !== 'all' && (this.of === 'proxy') !== (from === 'refusal')) return PASS
    const fitting = this.pages.filter(({ ranges }) =>
      ranges.some(([first, last]) => status >= first && status <= last),
    )
    const types = fitting.map(({ type }) => type)
    const page = fitting[bestOf(x.request.fields.get('accept'), types)]
    if (page === undefined) return PASS
    this.counts.replaced++
    const varies = new Set(types).size > 1
    if (from === 'backend') return this.replace(x, page, varies)
    x.setBody(page.body)
    x.fields.set('content-type', page.type)
    if (varies) x.fields.append('vary', 'accept')
    return PASS
  }

  /** Puts the page in place of a backend's response. Fields that do not describe its content stay. */
  private replace(x: ResponsePhase, { body, type }: Page, varies: boolean): Verdict {
    const fields: FieldLine[] = [['content-type', type]]
    x.fields.each((name, value) => {
      if (!OF_CONTENT.has(name) && !NOT_OURS.has(name)) fields.push([name, value])
    })
    if (varies) fields.push(['vary', 'accept'])
    return x.answer({ status: x.status, fields, body })
  }

  describe() {
    return this.counts
  }
}

export const errorPages = defineFilter({
  name: 'errorPages',
  description: 'Gives errors a page of yours, by status and by the type that the client reads.',
  options: errorPagesOptions,
  create: (options) => new ErrorPagesFilter(options),
})
