// Defects to plant in what operators do: questions to the admin listener, and changes of the configuration.

import { AdminExchange } from '../../src/admin/admin-exchange.js'
import { Changeover } from '../../src/server/changeover.js'
import { type Defect, wrap } from './defects.js'

const OPERATORS = { operators: 1, handOnly: 0, endpointsOnly: 0, runMs: 1500 }
const CHANGES = {
  changeovers: 1,
  endpoints: 2,
  reloadPercent: 100,
  handOnly: 0,
  endpointsOnly: 0,
  runMs: 1500,
}

export const operatorDefects: readonly Defect[] = [
  {
    name: 'body that is awaited for ever',
    what: 'the body of a question has no time',
    expected: ['Z2'],
    plan: OPERATORS,
    plant: () =>
      wrap<AdminExchange, []>(AdminExchange.prototype, 'waitForBody', (self, original) => {
        const done = original()
        self.until = 0
        return done
      }),
  },
  {
    name: 'answer that is not noticed',
    what: 'an answer that is made later wakes nobody',
    expected: ['Z2'],
    plan: OPERATORS,
    plant: () =>
      wrap<{ answered(answer: unknown): void; made: { readiness: number } }, [unknown]>(
        AdminExchange.prototype as never,
        'answered',
        () => undefined,
      ),
  },
  {
    name: 'stream of a question that has ended',
    what: 'a question that has ended keeps its stream',
    expected: ['Z2'],
    plan: OPERATORS,
    plant: () => wrap(AdminExchange.prototype, 'close', () => undefined),
  },
  {
    name: 'listeners of a configuration that was given up',
    what: 'what was bound for a configuration that does not serve stays bound',
    expected: ['Z1'],
    plan: CHANGES,
    plant: () =>
      wrap<Changeover, []>(Changeover.prototype, 'giveUp', (self, original) => {
        self.bound = null
        return original()
      }),
  },
  {
    name: 'half of a configuration',
    what: 'backends and routes are committed, and listeners are not',
    expected: ['Z1'],
    plan: CHANGES,
    plant: () =>
      wrap<Changeover, []>(Changeover.prototype, 'commit', (self, original) => {
        self.bound = null
        return original()
      }),
  },
  {
    name: 'older configuration that comes later',
    what: 'a configuration is committed, though a newer one has come',
    expected: ['Z1'],
    plan: CHANGES,
    plant: () =>
      wrap<Changeover, []>(Changeover.prototype, 'giveUp', (self, original) =>
        self.bound === null ? original() : self.commit(),
      ),
  },
]
