// A worker without a protocol: it answers each connection with its name, and each question too. The name in
// its first message says how it misbehaves.

import { createWorld } from '../../src/continuation/index.js'
import { type Address, NodePollset, PrimaryLink, type Socket } from '../../src/pollset/index.js'
import { Listening } from '../../src/transport/index.js'
import { LentListeners, WorkerEnd, WorkerStart } from '../../src/workers/index.js'

/** A configuration: who refuses it, or says nothing of it. */
export interface SmallConfiguration {
  readonly addresses: readonly Address[]
  readonly text: string
  readonly refusedBy?: string
  readonly ignoredBy?: string
  /** Is ready when it is asked to be. */
  readonly asksBefore?: string
  /** Does not say that it serves it. */
  readonly forgottenBy?: string
}

export type Wrong = 'exits' | 'silent' | 'babbles'

const name = process.argv.at(-1) as string
const start = new WorkerStart()
const link: PrimaryLink = new PrimaryLink(() => {
  const begun = start.take(link)
  if (begun !== null) begin(begun)
})
link.send({ kind: 'here' })

function begin({ settings, ticketKeys, parts, version }: NonNullable<ReturnType<WorkerStart['take']>>): void {
  const wrong = (settings as Readonly<Record<string, Wrong>>)[name]
  if (wrong === 'exits') process.exit(3)
  if (wrong === 'silent') return
  if (wrong === 'babbles') {
    link.send({ kind: 'serving', version: 'none' })
    return
  }
  const listeners = new LentListeners(link)
  const pollset = new NodePollset({}, false, { lender: listeners, ticketKeys, privateAddresses: [] })
  const world = createWorld(pollset)
  let text = ''
  const open = new Map<string, Listening>()
  const answer = (socket: Socket): void => {
    socket.write(Buffer.from(`${name} ${text}`))
    socket.end()
  }
  const listen = (addresses: readonly Address[], done: (fault: string | null) => void): void => {
    const added = addresses.filter(({ port }) => !open.has(String(port)))
    if (added.length === 0) done(null)
    for (const each of added)
      open.set(
        String(each.port),
        new Listening(world, each, {
          ready: () => done(null),
          failed: ({ listener }) => done(listener.fault?.code ?? ''),
          accepted: answer,
        }),
      )
  }
  let coming: SmallConfiguration | null = null
  let beReady: (() => void) | null = null
  const commit = (next: SmallConfiguration): void => {
    text = next.text
    for (const [port, each] of open)
      if (!next.addresses.some((address) => String(address.port) === port)) {
        each.cancel()
        open.delete(port)
      }
  }
  const end = new WorkerEnd(world, link, listeners, version, {
    prepare(made, ready, refused) {
      coming = made.at(-1) as SmallConfiguration
      if (coming.refusedBy === name) refused(`${name} refuses it`)
      else if (coming.asksBefore === name) beReady = ready
      else if (coming.ignoredBy !== name)
        listen(coming.addresses, (fault) => (fault === null ? ready() : refused(fault)))
    },
    commit() {
      commit(coming as SmallConfiguration)
      if (coming?.forgottenBy !== name) end.serving()
    },
    abandon() {
      coming = null
    },
    order(order) {
      if (order === 'end') process.exit(1)
      link.close()
      pollset.close()
    },
    setTicketKeys() {},
    answer(asked, done) {
      if (asked === 'die') process.exit(4)
      if (asked === 'be ready') beReady?.()
      if (asked !== name) done(`${name} ${asked} ${text}`)
    },
    orphaned: () => process.exit(5),
  })
  link.attach(pollset)
  const first = parts.at(-1) as SmallConfiguration
  listen(first.addresses, () => {
    commit(first)
    end.serving()
  })
}
