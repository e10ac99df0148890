// Backends that a function of the program chooses for each request: a configured one by its name, or another
// by its URL, whose engines are kept here. The function is the last filter of its route, so trace, `ps`,
// `why` and breakpoints see it as `filterRequest(backend)`. A promise that it returns is a task with a
// deadline; one that never settles is refused when that is over.

import type { BackendChooser, ChooserRequest } from '../config/index.js'
import type { HttpWorld } from '../http/index.js'
import { SETTLED } from '../pollset/index.js'
import {
  type ExchangeView,
  type Filter,
  type FilterUse,
  NO_ROUTE,
  PASS,
  type PooledTask,
  QUEUE_FULL,
  type RequestPhase,
  TaskPool,
  type Verdict,
} from '../proxy/index.js'
import { refusalBeside } from './embedding/allowed.js'
import { readTarget } from './embedding/target-url.js'
import { type TargetSettings, Targets } from './embedding/targets.js'
import type { Limits } from './limits.js'
import type { Protocols } from './protocols.js'

/** The name of the filter. */
const NAME = 'backend'

const SETTINGS: TargetSettings = {
  timeouts: {},
  tls: {},
  share: 'process',
  attempts: 0,
  errors: 'plain',
  guarded: true,
}

type Chosen = string | null | undefined

interface ChoiceState {
  /** The task of the function; null before its call, and if it has answered at once. */
  task: PooledTask<Chosen> | null
}

/** Returns a request for the function: a copy, since a promise may read it late. */
function requestOf(x: ExchangeView): ChooserRequest {
  const { method, scheme, authority, path, query } = x.request
  const { clientAddress, listener } = x
  const fields = new Map<string, string>()
  x.request.fields.each((name, value) => {
    const before = fields.get(name)
    fields.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`)
  })
  return {
    method,
    scheme,
    host: authority,
    path,
    query,
    clientAddress,
    listener,
    header: (name) => fields.get(name.toLowerCase()) ?? null,
  }
}

class BackendChoice implements Filter<ChoiceState> {
  private readonly choose: BackendChooser
  private readonly pool: TaskPool
  private readonly withinMs: number
  private readonly targets: Targets

  constructor(choose: BackendChooser, pool: TaskPool, withinMs: number, targets: Targets) {
    this.choose = choose
    this.pool = pool
    this.withinMs = withinMs
    this.targets = targets
  }

  begin(): ChoiceState {
    return { task: null }
  }

  request(x: RequestPhase, state: ChoiceState): Verdict {
    const { task } = state
    if (task === null) {
      const chosen = this.choose(requestOf(x))
      return chosen instanceof Promise ? this.wait(x, state, chosen) : this.goTo(x, chosen)
    }
    if (!task.settled) return x.waitFor(task, SETTLED, { within: this.withinMs })
    if (task.fault !== null) throw task.fault
    return this.goTo(x, task.value)
  }

  private wait(x: RequestPhase, state: ChoiceState, chosen: Promise<Chosen>): Verdict {
    const task = this.pool.start<Chosen>((settle) => {
      chosen.then(
        (value) => settle(null, value ?? null),
        (error) => settle(error instanceof Error ? error : new Error(String(error)), null),
      )
    })
    if (task === null) {
      chosen.catch(() => {})
      return x.refuse(QUEUE_FULL)
    }
    state.task = task
    return x.waitFor(task, SETTLED, { within: this.withinMs })
  }

  private goTo(x: RequestPhase, chosen: Chosen): Verdict {
    if (chosen === null || chosen === undefined || chosen === '') return x.refuse(NO_ROUTE)
    if (!/^[a-z][a-z\d+.-]*:\/\//i.test(chosen)) {
      x.setBackend(chosen)
      return PASS
    }
    const target = readTarget(chosen)
    const { unsent, path, authority } = target
    if (unsent !== null || path !== '')
      throw new Error(
        `the URL of the backend ${authority} has a ${unsent ?? 'path'}; write scheme, host and port alone`,
      )
    x.setBackend(this.targets.backendOf(target, SETTINGS))
    return PASS
  }

  release({ task }: ChoiceState): void {
    if (task !== null && !task.settled) task.cancel()
  }
}

/** Makes the filters of routes whose backend a function chooses, and keeps the engines of their URLs. */
export class ChosenBackends {
  private readonly world: HttpWorld
  private readonly protocols: Protocols
  private readonly limits: Limits
  private readonly pool: TaskPool
  /** The targets by the networks that they may reach besides public ones. They outlive reloads. */
  private readonly targets = new Map<string, Targets>()

  constructor(world: HttpWorld, protocols: Protocols) {
    const { limits } = protocols
    this.world = world
    this.protocols = protocols
    this.limits = limits
    const { targetsPendingMax } = limits.node
    this.pool = new TaskPool(world.pollset, {
      name: NAME,
      concurrencyMax: targetsPendingMax,
      queueMax: 0,
    })
  }

  /** Returns the filter that asks this function. Throws if a network is wrong. */
  use(choose: BackendChooser, allowPrivate: boolean | readonly string[]): FilterUse {
    const { targetMs } = this.limits.node
    const filter = new BackendChoice(choose, this.pool, targetMs, this.targetsFor(allowPrivate))
    return { name: NAME, filter: filter as Filter<unknown>, onFailure: 'refuse' }
  }

  private targetsFor(allowPrivate: boolean | readonly string[]): Targets {
    const key = JSON.stringify(allowPrivate)
    let targets = this.targets.get(key)
    if (targets === undefined) {
      targets = new Targets(this.world, this.protocols, this.limits, refusalBeside(allowPrivate))
      this.targets.set(key, targets)
    }
    return targets
  }
}
