// Questions to a simulated name system: a test sets the answers.

import type { SocketFault } from '../door.js'
import { addressRecord, type NameRecord, Query, type Question } from '../query.js'

/**
 * An answer, or the code of a fault: `{ addresses: ['192.0.2.9'], ttlMs: 5_000 }`, `{ fault: 'ESERVFAIL' }`.
 */
export interface SimAnswer {
  readonly addresses?: readonly string[]
  readonly services?: readonly NameRecord[]
  readonly ttlMs?: number
  readonly fault?: string
}

const NONE: SimAnswer = { fault: 'ENOTFOUND' }

export class SimAnswers {
  private readonly known = new Map<string, SimAnswer | null>()

  set(kind: Question['kind'], name: string, answer: SimAnswer | null): void {
    this.known.set(`${kind} ${name}`, answer)
  }

  /**
   * Returns the answer to a question; null for silence.
   * @param names addresses by name, for questions without an answer of their own
   */
  to({ kind, name }: Question, names: ReadonlyMap<string, readonly string[] | null>): SimAnswer | null {
    const plain = name.endsWith('.') ? name.slice(0, -1) : name
    const own = this.known.get(`${kind} ${plain}`)
    if (own !== undefined) return own
    if (kind === 'services') return NONE
    const addresses = names.get(plain)
    if (addresses === undefined) return /^[\d.]+$|:/.test(plain) ? { addresses: [plain] } : NONE
    return addresses === null || addresses.length > 0 ? addresses && { addresses } : NONE
  }
}

export class SimQuery extends Query {
  readonly id: string
  records: readonly NameRecord[] = []
  ttlMs: number | null = null
  fault: SocketFault | null = null
  cancelled = false

  constructor(number: number, name: string) {
    super()
    this.id = `query${number}(${name})`
  }

  answer({ addresses, services, ttlMs, fault }: SimAnswer): void {
    if (fault !== undefined) this.fault = { code: fault, message: `no answer: ${fault}` }
    else this.records = services ?? (addresses ?? []).map(addressRecord)
    this.ttlMs = ttlMs ?? null
  }

  cancel(): void {
    this.cancelled = true
  }
}
