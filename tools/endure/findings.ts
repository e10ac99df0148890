// The findings of a run: sentences about measurements, each true or not.

import type { CodingFigures } from './coding.js'
import type { KillFigures, RampFigures } from './killing.js'
import { cutOf, lostOf, type Tally, told } from './load.js'
import type { ReloadFigures } from './reloading.js'
import type { StormFigures } from './storming.js'

export interface Finding {
  readonly what: string
  /** The measurement. */
  readonly told: string
  readonly holds: boolean
}

const finding = (holds: boolean, what: string, measured: string): Finding => ({ what, told: measured, holds })

/** A line for each. */
export const textOf = (findings: readonly Finding[]): string =>
  findings
    .map(({ what, told: measured, holds }) => `${holds ? 'holds ' : 'BROKEN'}  ${what}: ${measured}`)
    .join('\n')

const counted = (value: number): string => value.toLocaleString('en-US')

/** Returns findings: each request has an outcome, and no request without a response head is lost. */
function ofTally(tally: Tally): Finding[] {
  const { sent, answered, others, lost, cut } = tally
  return [
    finding(
      sent === answered + lostOf(tally) + cutOf(tally),
      'each request is accounted for',
      `${counted(sent)} sent, ${counted(answered)} answered whole`,
    ),
    finding(
      lostOf(tally) === 0,
      'no request is lost whose response head had not come',
      `another status: ${told(others)}; no head: ${told(lost)}; cut after the head: ${told(cut)}`,
    ),
  ]
}

/** The most memory of a server that codes many responses at once. */
const CODING_BYTES_MAX = 1_073_741_824

export function ofCoding(figures: CodingFigures): Finding[] {
  const { requests, coded, plain, resets, wrong, failed, atOnce, peakBytes, busy } = figures
  return [
    finding(
      coded + plain === requests && resets + wrong + failed === 0,
      'each response comes whole, coded or as it was',
      `${counted(coded)} coded and ${counted(plain)} plain of ${counted(requests)}; ${resets} reset, ${wrong} wrong, ${failed} connections failed`,
    ),
    finding(atOnce === requests, 'all are in flight at once', counted(atOnce)),
    finding(coded > 0 && busy === plain, 'those that are not coded are counted', `${counted(busy)} busy`),
    finding(
      peakBytes < CODING_BYTES_MAX,
      'the server takes less than 1 GiB',
      `${counted(Math.round(peakBytes / 1_048_576))} MiB at its peak`,
    ),
  ]
}

export function ofKills({ tally, h2load, wrk }: KillFigures): Finding[] {
  const findings = ofTally(tally)
  if (h2load !== null) {
    const { total, status2xx, succeeded } = h2load
    findings.push(
      finding(
        total === status2xx,
        'h2load (HTTP/2) gets 200 for each',
        `${counted(status2xx)} of ${counted(total)}, ${counted(status2xx - succeeded)} cut after their heads`,
      ),
    )
  }
  if (wrk !== null) {
    const { requests, errors } = wrk
    findings.push(
      finding(errors === 0, 'wrk (HTTP/1.1) gets 200 for each', `${counted(requests)}, ${errors} errors`),
    )
  }
  return findings
}

export const ofRamp = ({ seconds, tally }: RampFigures): Finding[] => {
  const off = seconds.filter((each) => !each.holds).map((each) => each.second)
  return [
    ...ofTally(tally),
    finding(
      seconds.length > 0 && off.length === 0,
      'the share of the endpoint that came back ramps over its slow start',
      `${seconds.length} seconds, of which ${off.length} are off${off.length > 0 ? `: ${off.join(', ')}` : ''}`,
    ),
  ]
}

/**
 * The budget of retries: a share of the requests, and a number a second. The retries of one second are
 * there at the start.
 */
const [RATIO, PER_SECOND] = [0.2, 10]

export function ofStorm({ tally, offered, seen, lastedSeconds }: StormFigures): Finding[] {
  const most = (1 + RATIO) * offered + PER_SECOND * (lastedSeconds + 1)
  const measured = `${counted(seen)} seen for ${counted(offered)} offered in ${lastedSeconds.toFixed(1)} s: ${(seen / offered).toFixed(3)} times`
  return [
    finding(seen <= most, 'endpoints see at most 1.2 times the load, and 10 a second', measured),
    finding(seen > offered, 'requests are sent again', `${counted(seen - offered)} times`),
    finding(
      tally.others.get('503') === tally.sent,
      'each client gets the 503 of the backend in the end',
      told(tally.others),
    ),
  ]
}

/** The routes that are in no configuration: the one of requests without a route. */
const OWN_ROUTES = 1
/** The heap may grow by this much although nothing leaks, in MiB: V8 compiles code that runs often. */
const HEAP_MIB_SLACK = 2

export function ofReloads(figures: ReloadFigures, commitsLeast: number): Finding[] {
  const { files, commits, seconds, faults, tally, echoes, lastServes, resumed, before, after, routes } =
    figures
  const mib = (octets: number): number => octets / 1_048_576
  return [
    finding(
      commits >= commitsLeast,
      `at least ${commitsLeast} commits`,
      `${commits} of ${files} files in ${seconds.toFixed(1)} s`,
    ),
    finding(lastServes, 'the last file serves', lastServes ? 'yes' : 'no'),
    finding(
      tally.sent === tally.answered,
      'no request fails',
      `${counted(tally.answered)} of ${counted(tally.sent)} answered; not: ${told(tally.others)}, ${told(tally.lost)}, ${told(tally.cut)}`,
    ),
    finding(
      tally.closed === 0 && echoes.closed === 0 && echoes.sent === echoes.echoed,
      'nothing is closed',
      `${tally.closed} connections, ${echoes.closed} WebSockets; ${counted(echoes.echoed)} of ${counted(echoes.sent)} words echoed`,
    ),
    finding(resumed, 'a TLS session from before is resumed', resumed ? 'yes' : 'no'),
    finding(
      after.routes === before.routes && after.routes === routes + OWN_ROUTES,
      'compiled routes are those of one configuration',
      `${before.routes} before, ${after.routes} after, of ${routes}`,
    ),
    finding(
      mib(after.heapBytes - before.heapBytes) <= HEAP_MIB_SLACK,
      'the heap is back',
      `${mib(before.heapBytes).toFixed(1)} MiB before, ${mib(after.heapBytes).toFixed(1)} MiB after`,
    ),
    finding(faults.length === 0, 'the log has no warning', faults.slice(0, 3).join(' / ') || 'none'),
  ]
}
