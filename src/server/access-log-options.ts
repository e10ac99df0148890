// The options of the access log, on the command line and in createServer.

import { FORMATS, type FormatName } from '../access-log/index.js'
import {
  type AccessLogConfig,
  type AccessLogOptions,
  type Logged,
  templateReader,
  wrongField,
} from '../config/index.js'
import { ConfigError } from './address.js'

const isFormat = (text: unknown): text is FormatName => FORMATS.includes(text as FormatName)

/** Parses the name of a format, or a template. */
export function parseLogFormat(text: string, of: Logged = 'requests'): AccessLogConfig['format'] {
  if (isFormat(text)) return text
  if (!text.includes('$'))
    throw new ConfigError(
      `'${text}' is not a format: write ${FORMATS.join(', ')}, or a template as ${TEMPLATES[of]}`,
    )
  const reading = templateReader(of)(text)
  if ('wrong' in reading) throw new ConfigError(`'${text}': ${reading.wrong}`)
  return { template: text }
}

const TEMPLATES: Readonly<Record<Logged, string>> = {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it shows a template
  requests: '${method} ${path} ${status}',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it shows a template
  commands: '${command} ${keys} ${ms}',
}

/** Checks the option of createServer, which JavaScript passes unchecked. */
export function checkAccessLog(options: AccessLogOptions | undefined): void {
  if (options === undefined) return
  const { file, format, fields, redact } = options
  if (typeof file !== 'string' || file === '' || file.includes('\0'))
    throw new ConfigError(
      "accessLog: write { file: '/var/log/fermata/access.log' }, or '-' for standard output",
    )
  if (format !== undefined && !isFormat(format)) parseLogFormat(`${format?.template}`)
  for (const name of fields ?? []) {
    const wrong = wrongField(String(name))
    if (wrong !== null) throw new ConfigError(`accessLog: ${wrong}`)
  }
  const query = redact?.query
  if (query !== undefined && query !== 'values' && query !== 'none')
    throw new ConfigError(`accessLog: redact.query must be 'values' or 'none', not '${String(query)}'`)
  const keys = redact?.keys
  if (keys !== undefined && keys !== 'ids' && keys !== 'none')
    throw new ConfigError(`accessLog: redact.keys must be 'ids' or 'none', not '${String(keys)}'`)
}
