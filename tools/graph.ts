// Prints a life as a state diagram (Mermaid), from the edges that the compiler and the scheduler check.

import { frontendLife, sessionLife } from '../src/http2/index.js'
import { exchangeLife } from '../src/proxy/index.js'

type Edges = Readonly<Record<string, readonly string[]>>

const LIVES: Readonly<Record<string, { edges: Edges; starts: readonly string[] }>> = {
  exchange: { edges: exchangeLife.edges, starts: ['receive'] },
  frontend: { edges: frontendLife.edges, starts: ['awaitPreface'] },
  backend: { edges: sessionLife.edges, starts: ['greet'] },
}

/** Returns the diagram of a life by name; null for an unknown name. */
export function diagram(name: string): string | null {
  if (!Object.hasOwn(LIVES, name)) return null
  const life = LIVES[name]
  const lines = life.starts.map((start) => `  [*] --> ${start}`)
  for (const [step, next] of Object.entries(life.edges)) {
    for (const to of next) lines.push(`  ${step} --> ${to === 'done' ? '[*]' : to}`)
  }
  return `stateDiagram-v2\n${lines.join('\n')}\n`
}

if (process.argv[1]?.endsWith('graph.js')) {
  const usage = `usage: npm run graph -- ${Object.keys(LIVES).join('|')}\n`
  const [name = '--help', excess] = process.argv.slice(2)
  const text = excess === undefined ? diagram(name) : null
  if (text !== null) process.stdout.write(text)
  else if (name === '--help') process.stdout.write(usage)
  else {
    process.stderr.write(`there is no diagram of '${[name, excess].join(' ').trim()}'\n${usage}`)
    process.exitCode = 2
  }
}
