// Z1: a configuration is committed whole, in one turn, or changes nothing; each ends once; what serves is
// the newest that was committed.

import type { Changeovers } from '../changeovers.js'
import { type Checker, fail } from './check.js'

export function changeovers(of: Changeovers): Checker {
  let last = 0
  return {
    turn(scene) {
      const { serving, versions } = of
      if (serving.number < last) fail('Z1', `configuration ${serving.number} serves, ${last} has served`)
      last = serving.number
      for (const { number, told, superseded } of versions.slice(1)) {
        if (told.length > 1) fail('Z1', `configuration ${number} has ended as ${told.join(' and ')}`)
        if (superseded && told[0] === 'committed')
          fail('Z1', `configuration ${number} was committed, though a newer one had come`)
      }
      const alive = [...scene.world.scheduler.alive()].filter(({ kind }) => kind === 'changeover')
      const open = versions.filter(({ told, number }) => number > 0 && told.length === 0)
      if (alive.length !== open.length)
        fail('Z1', `${alive.length} changeovers run, and ${open.length} configurations have not ended`)
      const coming = new Set(open.flatMap(({ ports }) => ports))
      for (const port of of.ports) {
        const serves = serving.ports.includes(port)
        if (serves && !of.isOpen(port))
          fail('Z1', `configuration ${serving.number} has no listener on ${port}`)
        if (!serves && !coming.has(port) && of.isOpen(port))
          fail('Z1', `nobody has ${port} configured, and something listens there`)
      }
    },
    end() {
      for (const { number, told } of of.versions.slice(1))
        if (told.length !== 1) fail('Z1', `configuration ${number} has not ended`)
    },
  }
}
