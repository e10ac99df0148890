// Redis's own unit tests through the proxy, unit by unit, and each unit directly in the same run: a test that
// passes directly passes through, unless it is listed (redis-suite/differences.ts); one that is listed does
// not. The tests are those of Debian's source package, fetched with apt-get into a temporary folder.
//
//   npm run redis-suite -- --share auto never [--short] [--source DIR] [-- UNIT...]

import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { compareUnit } from './redis-suite/compare.js'
import { SHORT_UNITS, UNITS, type Way } from './redis-suite/suite.js'
import { fetchSource } from './testbed/debian-source.js'
import { findProgram } from './testbed/programs.js'

const command = new Command('redis-suite')
  .description("Runs Redis's own unit tests through `fermata redis`, and directly.")
  .argument('[unit...]', 'unit/type/list and the like', UNITS)
  .addOption(
    new Option('--share <way...>', 'how sessions are shared').choices(['auto', 'never']).default(['auto']),
  )
  .option('--short', 'a few units that take few seconds')
  .option('--source <dir>', "the unpacked source of Redis; Debian's is fetched without it")
  .parse()
const { share, short, source } = command.opts<{ share: Way[]; short?: true; source?: string }>()
const units = short === true ? SHORT_UNITS : (command.processedArgs[0] as string[])

const folder = mkdtempSync(join(tmpdir(), 'fermata-redis-suite-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const redis = source ?? (await fetchSource('redis', folder))
for (const each of ['redis-server', 'redis-cli', 'redis-benchmark']) {
  const link = join(redis, 'src', each)
  if (!existsSync(link)) symlinkSync(findProgram(each) as string, link)
}

const totals = new Map(share.map((way) => [way, { direct: 0, through: 0, listed: 0, faults: 0 }]))
for (const unit of units) {
  const begun = performance.now()
  for (const { way, direct, through, listed, late, faults } of await compareUnit(redis, share, unit)) {
    const seconds = ((performance.now() - begun) / 1_000).toFixed(0)
    console.log(`${unit}: ${direct} directly, ${through} through ${way}, ${listed} listed, ${seconds} s`)
    for (const each of late) console.log(`at the second run: ${each}`)
    for (const each of faults) console.log(`not ok: ${each}`)
    const total = totals.get(way)
    if (total === undefined) continue
    total.direct += direct
    total.through += through
    total.listed += listed
    total.faults += faults.length
  }
}
for (const [way, { direct, through, listed, faults }] of totals)
  console.log(
    `--share ${way}: ${direct} tests pass directly, ${through} through; ${listed} are listed; ${faults === 0 ? 'all as the list says' : `${faults} differ`}`,
  )
const all = [...totals.values()]
process.exit(all.every(({ direct, faults }) => faults === 0 && direct > 0) ? 0 : 1)
