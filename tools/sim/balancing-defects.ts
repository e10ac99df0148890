// Defects of balancing to plant, one at a time, as in defects.ts: in the choice of an endpoint, its health,
// retries, and the end of a removed endpoint.

import { Balancer, type Member } from '../../src/balancing/index.js'
import { PassiveHealth } from '../../src/balancing/passive-health.js'
import { Unreachable } from '../../src/balancing/unreachable.js'
import type { HttpWorld } from '../../src/http/index.js'
import { choice } from '../../src/proxy/choice.js'
import { Backend, Endpoint, type Exchange } from '../../src/proxy/index.js'
import { Backends } from '../../src/server/backends.js'
import { type Defect, muted, wrap } from './defects.js'
import type { Plan } from './plan.js'

/** Several endpoints that come and go, all of whose faults lead to a retry. */
const FLAPPING: Partial<Plan> = {
  ...{ endpoints: 3, endpointFaultPercent: 100, endpointsOnly: 0, handOnly: 0, holdPercent: 0 },
  ...{ requests: 20, runMs: 600, spreadMs: 100, attemptsMax: 5, retryTimeoutMs: 5000, stepsMax: 64 },
  ...{
    renamePercent: 0,
    backendRequestsMax: 0,
    panicPercent: 0,
    activeChecks: 0,
    retryOn503: 1,
    budgeted: 0,
  },
}

/** The same, with one that is ejected at its first failure. */
const EJECTING: Partial<Plan> = {
  ...FLAPPING,
  ...{ passiveConsecutive: 1, passiveRatePercent: 0, ejectionMs: 300, ejectedMaxPercent: 100 },
}

interface BackendInside {
  readonly balancer: Balancer
  readonly byMember: Map<Member, Endpoint>
  readonly world: HttpWorld
}

export const balancingDefects: readonly Defect[] = [
  {
    name: 'load not given back',
    what: 'an endpoint keeps the load of a request that has ended',
    expected: ['A1'],
    plan: FLAPPING,
    plant: () => wrap(Balancer.prototype, 'ended', () => undefined),
  },
  {
    name: 'lease kept',
    what: 'a request that gives an endpoint up keeps its place in the queue there',
    expected: ['A1'],
    plan: { ...FLAPPING, routeConnectMs: 50, queueMax: 1000 },
    plant: () =>
      wrap<unknown, [Exchange, never]>(choice, 'unreached', (_self, original, x, why) =>
        muted(x.lease, 'release', () => original(x, why)),
      ),
  },
  {
    name: 'ejected chosen',
    what: 'an ejected endpoint gets requests, though there is no panic',
    expected: ['A2'],
    plan: EJECTING,
    plant: () =>
      wrap<Balancer, [Member, string]>(Balancer.prototype, 'takes', (_self, original, member, take) =>
        original(member, take === 'usable' ? 'up' : take),
      ),
  },
  {
    name: 'down chosen',
    what: 'an endpoint gets requests though its checks fail',
    expected: ['A2'],
    plan: { ...FLAPPING, activeChecks: 2, checkIntervalMs: 50, checksUnhealthy: 1 },
    plant: () =>
      wrap<Balancer, [Member]>(
        Balancer.prototype,
        'isUp',
        (_self, original, member) => member.active === 'down' || original(member),
      ),
  },
  {
    name: 'removed chosen',
    what: 'an endpoint gets requests after it was removed',
    expected: ['A2'],
    plan: { ...FLAPPING, reloadPercent: 100 },
    plant: () =>
      wrap<Backend, [readonly Endpoint[]]>(Backend.prototype, 'replace', (self, original, endpoints) => {
        const { balancer, byMember, world } = self as unknown as BackendInside
        const all = new Set([...endpoints, ...self.endpoints])
        original(endpoints)
        for (const each of all) byMember.set(each.member, each)
        balancer.replace(
          [...all].map((each) => each.member),
          world.pollset.now,
        )
      }),
  },
  {
    name: 'panic without end',
    what: 'ejected endpoints get requests after the panic',
    expected: ['A2'],
    plan: { ...EJECTING, endpoints: 4, panicPercent: 50, ejectionMs: 50 },
    plant: () => {
      const panicked = new WeakSet<Balancer>()
      return wrap<Balancer, [string]>(Balancer.prototype, 'gather', (self, original, take) => {
        if (take !== 'usable') panicked.add(self)
        original(panicked.has(self) && take === 'usable' ? 'up' : take)
      })
    },
  },
  {
    name: 'tried chosen',
    what: 'a retry goes to the endpoint that has failed the request',
    expected: ['A3'],
    plan: { ...FLAPPING, passiveConsecutive: 0, passiveRatePercent: 0 },
    plant: () =>
      wrap<Balancer, [number, string | null, unknown]>(
        Balancer.prototype,
        'choose',
        (_self, original, now, key) => original(now, key, []),
      ),
  },
  {
    name: 'budget not charged',
    what: 'a retry takes no token',
    expected: ['A4'],
    plan: { ...FLAPPING, budgeted: 1, budgetPerSecond: 0, budgetRatioPercent: 20 },
    plant: () => wrap(choice, 'affords', () => true),
  },
  {
    name: 'retries pay',
    what: 'a retry pays for itself as a first attempt does',
    expected: ['A4'],
    plan: { ...FLAPPING, budgeted: 1, budgetPerSecond: 0, budgetRatioPercent: 20 },
    plant: () =>
      wrap<unknown, [Exchange]>(choice, 'balance', (_self, original, x) => {
        if (x.attempts > 0) x.backend?.budget?.first(x.now)
        return original(x)
      }),
  },
  {
    name: 'loss counted often',
    what: 'a lost connection counts for each of its requests',
    expected: ['A5'],
    plan: { ...EJECTING, passiveConsecutive: 5, thinkMs: 100, spreadMs: 0, http1Backend: 0 },
    plant: () =>
      wrap<PassiveHealth, [Member, number, unknown]>(
        PassiveHealth.prototype,
        'failed',
        (_self, original, member, now) => original(member, now, null),
      ),
  },
  {
    name: 'success forgotten',
    what: 'failures count though a request was served between them',
    expected: ['A5'],
    plan: { ...EJECTING, passiveConsecutive: 3 },
    plant: () => wrap(Balancer.prototype, 'succeeded', () => undefined),
  },
  {
    name: 'back-off forgotten',
    what: 'each ejection is as long as the first',
    expected: ['A6'],
    plan: { ...EJECTING, ejectionMs: 50 },
    plant: () =>
      wrap<PassiveHealth, [Member, number]>(
        PassiveHealth.prototype,
        'eject',
        (_self, original, member, now) => {
          member.ejections = 0
          original(member, now)
        },
      ),
  },
  {
    name: 'ejection without end',
    what: 'an endpoint stays ejected',
    expected: ['A6'],
    plan: EJECTING,
    plant: () => wrap(PassiveHealth.prototype, 'returned', () => undefined),
  },
  {
    name: 'all ejected',
    what: 'more endpoints are ejected than may be',
    expected: ['A6'],
    plan: { ...EJECTING, ejectedMaxPercent: 34 },
    plant: () => wrap(PassiveHealth.prototype, 'mayEject', () => true),
  },
  {
    name: 'the last one ejected',
    what: 'an endpoint is ejected though it is alone',
    expected: ['A6'],
    plan: { ...EJECTING, endpoints: 1, reloadPercent: 0 },
    plant: () => wrap(Balancer.prototype, 'mayEject', () => true),
  },
  {
    name: 'engines left open',
    what: 'an endpoint that was removed keeps its engines after its last exchange',
    expected: ['A7'],
    plan: { ...FLAPPING, reloadPercent: 100 },
    plant: () => wrap(Endpoint.prototype, 'left', () => undefined),
  },
  {
    name: 'made anew',
    what: 'a reload makes all endpoints anew, those that stay too',
    expected: ['A7'],
    plan: { ...FLAPPING, reloadPercent: 100 },
    plant: () =>
      wrap<Backends, [unknown, unknown, unknown, unknown]>(
        Backends.prototype,
        'placed',
        (_self, original, configured, wanted, _old, made) => original(configured, wanted, undefined, made),
      ),
  },
  {
    name: 'given up too soon',
    what: 'a request is refused with the first endpoint that cannot be reached',
    expected: ['A8'],
    plan: FLAPPING,
    plant: () => wrap(choice, 'goesElsewhere', () => false),
  },
  {
    name: 'backend closed at once',
    what: 'a backend that is configured no longer has no endpoint for the requests that it has',
    expected: ['A8'],
    plan: { ...FLAPPING, reloadPercent: 100, renamePercent: 100 },
    plant: () => wrap<Backend, []>(Backend.prototype, 'retire', (self) => self.replace([])),
  },
  {
    name: 'Retry-After disregarded',
    what: 'a request is sent again at once, though its backend asks for a pause',
    expected: ['A9'],
    plan: { ...FLAPPING, retryAfterPercent: 100, requests: 40, uploadPercent: 0 },
    plant: () =>
      wrap<unknown, [Exchange, never]>(choice, 'refusesStatus', (_self, original, x, head) => {
        const refuses = original(x, head)
        x.retryAt = 0
        return refuses
      }),
  },
  {
    name: 'pause without bound',
    what: 'the pause before a retry is longer than retry.backoff',
    expected: ['A9'],
    plan: { ...FLAPPING, backoffMostMs: 10, retryAfterPercent: 0, requests: 40, uploadPercent: 0 },
    plant: () => wrap(choice, 'backoff', () => 100),
  },
  {
    name: 'unreachable chosen',
    what: 'an endpoint gets requests though it could not be reached a moment ago',
    expected: ['A10'],
    plan: { ...FLAPPING, passiveConsecutive: 0, passiveRatePercent: 0 },
    plant: () =>
      wrap<Unreachable, [readonly Member[], readonly Member[], number]>(
        Unreachable.prototype,
        'avoided',
        (_self, original, candidates, tried) => original(candidates, tried, Number.POSITIVE_INFINITY),
      ),
  },
]
