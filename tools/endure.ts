// Endurance: the built server under load for a minute, while its surroundings change. Loopback only.
//
//   npm run endure -- --help

import { Command, Option } from 'commander'
import { figure, table } from './bench/figures.js'
import { positive } from './bench/options.js'
import { code } from './endure/coding.js'
import { type Finding, ofCoding, ofKills, ofRamp, ofReloads, ofStorm, textOf } from './endure/findings.js'
import { killInTurn, killOnce } from './endure/killing.js'
import type { TurnsTold } from './endure/probe.js'
import type { RampSecond } from './endure/ramp.js'
import { reload } from './endure/reloading.js'
import { type StormFigures, storm } from './endure/storming.js'

const MINUTE = 60
/** The most that the share of a second in a slow start may differ from its weight, beyond chance. */
const TOLERANCE = 0.2
/** The files before the first measurement. */
const WARM_UP = 150
/**
 * The part of the files that must be committed: of files that come while another is read, only
 * the last is read.
 */
const COMMITTED_PART = 0.5
/** The least commits a second with --watch: files that change without end are read once a second. */
const WATCHED_COMMITS = 0.5

function conclude(findings: readonly Finding[]): void {
  console.log(textOf(findings))
  if (findings.some((each) => !each.holds)) process.exitCode = 1
}

interface KillArguments {
  readonly seconds: number
  readonly every: number
  readonly down: number
  readonly slowStart: number
  readonly policy: string
}

const percent = (part: number): string => (100 * part).toFixed(1)

const rampTable = (seconds: readonly RampSecond[]): string =>
  table(
    ['second', 'requests', 'share, %', 'expected', ''],
    seconds.map(({ second, requests, share, expected, holds }) => [
      String(second),
      String(requests),
      percent(share),
      expected.map(percent).join('–'),
      holds ? '' : 'off',
    ]),
  )

async function kill({ seconds, every, down, slowStart, policy }: KillArguments): Promise<void> {
  const kills = Math.max(1, Math.floor(seconds / every))
  console.log(`three endpoints, ${kills} kills, one every ${every} s, down for ${down} s`)
  const killed = await killInTurn({
    kills,
    up: { ms: (every - down) * 1_000 },
    down: { ms: down * 1_000 },
    besideSeconds: seconds,
  })
  conclude(ofKills(killed))
  const ramp = await killOnce({
    policy,
    slowStartSeconds: slowStart,
    ejectionSeconds: 3,
    tolerance: TOLERANCE,
  })
  console.log(
    `\none kill, ${policy}, a slow start of ${slowStart} s: the share of the endpoint that came back`,
  )
  console.log(rampTable(ramp.seconds))
  conclude(ofRamp(ramp))
}

const stormTable = ({ seconds }: StormFigures): string =>
  table(
    ['second', 'offered', 'seen', 'ratio'],
    seconds.map(({ offered, seen }, at) => [
      String(at),
      String(offered),
      String(seen),
      (seen / offered).toFixed(2),
    ]),
  )

async function stormFor({ seconds }: { readonly seconds: number }): Promise<void> {
  const figures = await storm({ ms: seconds * 1_000 })
  console.log(stormTable(figures))
  conclude(ofStorm(figures))
}

interface ReloadArguments {
  readonly seconds: number
  readonly rate: number
  readonly routes: number
  readonly certificates: number
  readonly renew: number
  readonly by: 'watch' | 'signal'
  readonly profile: number
}

const longest = (name: string, { turnsMs, roundsMs }: TurnsTold): string =>
  `${name}: longest turns ${turnsMs.map(figure).join(' ')} ms; longest rounds of the loop ${roundsMs.map(figure).join(' ')} ms`

async function reloadFor(given: ReloadArguments): Promise<void> {
  const { seconds, rate, routes, certificates, renew, by, profile } = given
  const files = Math.max(1, Math.floor(seconds * rate))
  const figures = await reload({
    ...{ routes, certificates, by, files },
    renewed: Math.min(renew, certificates),
    every: { ms: 1_000 / rate },
    warmUp: Math.min(WARM_UP, files),
    webSockets: 20,
    profiled: profile,
  })
  console.log(
    longest(`${files} files, ${routes} routes, ${certificates} certificates, by ${by}`, figures.turns),
  )
  if (figures.profile !== null) {
    console.log(longest(`${profile} files more, profiled, which takes time itself`, figures.profile))
    for (const each of figures.profile.inTurns) console.log(`  in a turn: ${each}`)
    for (const each of figures.profile.inRounds) console.log(`  in a round: ${each}`)
  }
  const least = by === 'watch' ? seconds * Math.min(rate, WATCHED_COMMITS) : files * COMMITTED_PART
  conclude(ofReloads(figures, Math.floor(least)))
}

const codeFor = async ({ requests }: { readonly requests: number }): Promise<void> =>
  conclude(ofCoding(await code({ requests })))

const program = new Command('endure').description(
  'Runs the built server (fermata serve FILE) under load over loopback, while endpoints are killed, fail, or the ' +
    'configuration changes. Counts each request, and prints what holds and what is broken; the exit code is 1 if ' +
    'something is. h2load and wrk add to the load where they are installed.',
)
program
  .command('kill')
  .description(
    'kills one of three endpoints after the other, and starts it again; then one alone, for its slow start',
  )
  .option('--seconds <n>', 'how long', positive, MINUTE)
  .option('--every <n>', 'seconds between two kills', positive, 5)
  .option('--down <n>', 'seconds until the endpoint is started again', positive, 1)
  .option('--slow-start <n>', 'seconds of the slow start', positive, 20)
  .addOption(
    new Option('--policy <name>', 'the policy of the slow start')
      .choices(['least-requests', 'round-robin', 'random'])
      .default('least-requests'),
  )
  .action(kill)
program
  .command('storm')
  .description('lets all endpoints answer 503, which is a reason to retry, and counts what they see')
  .option('--seconds <n>', 'how long', positive, MINUTE)
  .action(stormFor)
program
  .command('compress')
  .description('has the filter compress code many responses at once, which come in parts')
  .option('--requests <n>', 'how many', positive, 10_000)
  .action(codeFor)
program
  .command('reload')
  .description('replaces the configuration all the time, beside open WebSockets and TLS clients')
  .option('--seconds <n>', 'how long', positive, MINUTE)
  .option('--rate <n>', 'files a second', positive, 10)
  .option('--routes <n>', 'routes of each file', positive, 100)
  .option('--certificates <n>', 'certificates of each file; more than 2 are made by openssl', positive, 2)
  .option('--renew <n>', 'how many of them differ from those of the file before', Number, 2)
  .option('--profile <n>', 'further files, of which is told what was in their longest turns', Number, 5)
  .addOption(
    new Option('--by <how>', 'how the server learns of a file')
      .choices(['signal', 'watch'])
      .default('signal'),
  )
  .action(reloadFor)

if (process.argv[1] === import.meta.filename) {
  await program.parseAsync()
  process.exit()
}
