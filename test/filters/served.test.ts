// Filters in a whole server: what its stop ends.

import t from 'tap'
import { definitionOf, type FilterDefinition } from '../../src/filters/index.js'
import { serve, text } from '../server/admin-server.js'

t.test('the stop of a server closes its filters and what they keep, once', async (t) => {
  const respond = definitionOf('respond') as FilterDefinition
  const { create } = respond
  const closed: string[] = []
  const watched: FilterDefinition['create'] = (options, context) => {
    context.state('kept', () => ({ close: () => closed.push('state') }))
    return { ...create(options, context), close: () => void closed.push('filter') }
  }
  Object.assign(respond, { create: watched })
  t.teardown(() => Object.assign(respond, { create }))
  const routes =
    'filters: { r: { respond: {} } }\nroutes: [{ filters: [r], answer: {} }, { match: { path: /a }, filters: [r], answer: {} }]'
  const { server, end } = await serve(t, text('', routes))
  t.strictSame(closed, [])
  server.command('drain')
  await end
  t.strictSame(closed, ['filter', 'state'])
})
