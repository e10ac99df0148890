// The access log of a server: it writes the line of each exchange and command that has ended, and can change
// its configuration while the server runs (spec/access-log.md).

import { formatOf, type KeeperWords, type LineFormat, LogKeeper } from '../access-log/index.js'
import type { AccessLogConfig } from '../config/index.js'
import type { World } from '../continuation/index.js'
import type { LineFile, NodeLogFile, NodePollset } from '../pollset/index.js'
import {
  type Exchange,
  type ExchangeWatcher,
  exchangeFields,
  isSubrequest,
  type ReverseProxy,
} from '../proxy/index.js'
import { ConfigError } from './address.js'
import { CommandLog } from './command-log.js'
import { plainFault } from './fault-text.js'
import type { ServerLimits } from './limits.js'
import type { ProcessLog } from './process-log.js'
import { counted } from './quantity.js'
import type { RedisService } from './redis-service.js'

export interface AccessLogLimits {
  /**
   * The bytes of access log lines that wait for their file, in each of two buffers: for the running write,
   * and for the next. A line without room is dropped. Each worker counts its own.
   */
  readonly accessLogBytesMax: number
}

export const accessLogLimits: AccessLogLimits = { accessLogBytesMax: 1024 * 1024 }

/** An open file, and its keeper. */
interface Kept {
  readonly file: NodeLogFile
  readonly keeper: LogKeeper
}

export class AccessLogging implements ExchangeWatcher, KeeperWords {
  private readonly world: World
  private readonly pollset: NodePollset
  private readonly proxy: ReverseProxy
  private readonly log: ProcessLog
  private readonly limits: ServerLimits
  private current: AccessLogConfig | null = null
  private format: LineFormat<Exchange> | null = null
  private kept: Kept | null = null
  /** Files that still write their last lines. */
  private readonly closing = new Set<NodeLogFile>()
  private closed: (() => void) | null = null
  /** The lines of commands of Redis. */
  private readonly commands: CommandLog
  private droppedBefore = 0
  private endsNow = false

  constructor(
    world: World,
    pollset: NodePollset,
    proxy: ReverseProxy,
    redis: RedisService,
    log: ProcessLog,
    limits: ServerLimits,
  ) {
    this.world = world
    this.pollset = pollset
    this.proxy = proxy
    this.log = log
    this.limits = limits
    this.commands = new CommandLog(redis, (format, x) => void this.kept?.file.append(format, x))
  }

  /** Begins with this configuration. Throws a {@link ConfigError} if the file cannot be opened. */
  begin(config: AccessLogConfig | null): void {
    if (config === null) return
    const file = this.fileOf(config)
    const fault = file.openNow()
    if (fault !== null)
      throw new ConfigError(`the access log ${file.name} cannot be opened: ${plainFault(fault.message)}`)
    this.take(config, file)
  }

  /** Changes to another configuration. A file that cannot be opened is reported, and tried again. */
  configure(config: AccessLogConfig | null): void {
    this.proxy.tellEnded()
    if (JSON.stringify(config) === JSON.stringify(this.current)) return
    const sameFile = config !== null && config.file === this.current?.file
    if (!sameFile) this.leave()
    if (config === null) {
      this.current = null
      this.format = null
      this.commands.configure(null)
      this.proxy.ignoreSteps(this)
    } else if (sameFile) this.take(config, null)
    else {
      const file = this.fileOf(config)
      file.reopen()
      this.take(config, file)
    }
  }

  private fileOf({ file }: AccessLogConfig): NodeLogFile {
    return this.pollset.logFile(this.world.nextId('log'), file, this.limits.accessLogBytesMax)
  }

  /** @param file null: the earlier file stays */
  private take(config: AccessLogConfig, file: NodeLogFile | null): void {
    this.format = formatOf(exchangeFields(config.redact), config.format, config.fields)
    this.current = config
    this.commands.configure(config)
    this.proxy.measureSteps(this)
    if (file === null) return
    const keeper = new LogKeeper(this.world, file, this.limits.logRepeatMs, this)
    this.kept = { file, keeper }
  }

  private leave(): void {
    if (this.kept === null) return
    const { file, keeper } = this.kept
    this.kept = null
    this.droppedBefore += file.dropped
    keeper.cancel()
    this.closing.add(file)
    file.finish((lost) => {
      if (lost > 0) this.dropped(file, lost)
      this.closing.delete(file)
      this.end()
    })
  }

  endedTogether(exchanges: readonly Exchange[]): void {
    const { kept, format } = this
    if (kept === null || format === null) return
    for (const each of exchanges) if (!isSubrequest(each)) kept.file.put(format, each)
    // A write that begins when the process ends would not end.
    if (!this.endsNow) kept.file.flush()
  }

  /** The number of lines dropped so far. */
  get droppedLines(): number {
    return this.droppedBefore + (this.kept?.file.dropped ?? 0)
  }

  /** Opens the file again by its name, after it was renamed. */
  reopen(): void {
    this.kept?.file.reopen()
  }

  /** Writes what it can, for a process that ends now. */
  writeNow(): void {
    this.endsNow = true
    this.proxy.tellEnded()
    this.kept?.file.writeNow()
  }

  /** Writes the last lines. `closed` is called once they are written or given up. */
  close(closed: () => void): void {
    this.closed = closed
    this.proxy.tellEnded()
    this.kept?.keeper.tell()
    this.leave()
    this.end()
  }

  private end(): void {
    const { closed } = this
    if (closed === null || this.closing.size > 0) return
    this.closed = null
    closed()
  }

  // The keeper's events

  dropped(file: LineFile, lines: number): void {
    const were = `${counted(lines, 'line')} ${lines === 1 ? 'was' : 'were'}`
    this.log.tell('warn', `access log ${file.name}: ${were} dropped, since it takes them too slowly`)
  }

  failed(file: LineFile, why: string): void {
    this.log.tell('error', `access log ${file.name}: ${plainFault(why)}; it is tried again`)
  }

  reopened(file: LineFile): void {
    this.log.tell('info', `access log ${file.name} was opened again`)
  }
}
