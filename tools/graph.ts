// Prints a life as a state diagram (Mermaid), from the edges that the compiler and the scheduler check.

import { connectionLife } from '../src/http2/index.js'
import { exchangeLife } from '../src/proxy/index.js'

type Edges = Readonly<Record<string, readonly string[]>>

const LIVES: Readonly<Record<string, { edges: Edges; starts: readonly string[] }>> = {
  exchange: { edges: exchangeLife.edges, starts: ['receive'] },
  connection: { edges: connectionLife.edges, starts: ['preface', 'resolve'] },
}

/** The diagram of a life by name; null when there is none of that name. */
export function diagram(name: string): string | null {
  const life = LIVES[name]
  if (life === undefined) return null
  const lines = life.starts.map((start) => `  [*] --> ${start}`)
  for (const [step, next] of Object.entries(life.edges)) {
    for (const to of next) lines.push(`  ${step} --> ${to === 'done' ? '[*]' : to}`)
  }
  return `stateDiagram-v2\n${lines.join('\n')}\n`
}

if (process.argv[1]?.endsWith('graph.js')) {
  const name = process.argv[2] ?? '--help'
  const text = diagram(name)
  if (text !== null) process.stdout.write(text)
  else {
    process.stdout.write(`usage: npm run graph -- ${Object.keys(LIVES).join('|')}\n`)
    process.exitCode = name === '--help' ? 0 : 2
  }
}
