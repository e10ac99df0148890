// The source of a Debian package as its authors released it, for their tests: fetched with apt-get, which gets
// lists and caches of its own, so that the machine's sources of packages stay as they are.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './programs.js'

const TIMEOUT_MS = 300_000

async function must(command: string, args: readonly string[], cwd: string): Promise<void> {
  const result = await run(command, args, { cwd, timeoutMs: TIMEOUT_MS })
  if (result.code !== 0)
    throw new Error(`${command} ended with ${result.code}:\n${result.stderr.slice(-2_000)}`)
}

function sourcesOf(release: string): string {
  const archives = [
    ['debian', `${release} ${release}-updates`],
    ['debian-security', `${release}-security`],
  ]
  return archives
    .map(
      ([archive, suites]) =>
        `Types: deb-src\nURIs: http://deb.debian.org/${archive}\nSuites: ${suites}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`,
    )
    .join('\n')
}

/**
 * Unpacks the source of a package in a folder, which the caller removes.
 * @returns the folder of the source
 */
export async function fetchSource(name: string, folder: string): Promise<string> {
  const apt = join(folder, 'apt')
  const source = join(folder, name)
  for (const each of ['parts', 'lists/partial', 'cache/archives/partial'])
    mkdirSync(join(apt, each), { recursive: true })
  mkdirSync(source)
  const [, release = 'bookworm'] =
    /^VERSION_CODENAME=(.*)$/m.exec(readFileSync('/etc/os-release', 'utf8')) ?? []
  writeFileSync(join(apt, 'parts', 'source.sources'), sourcesOf(release))
  const options = [
    ['Dir::Etc::sourcelist', '/dev/null'],
    ['Dir::Etc::sourceparts', join(apt, 'parts')],
    ['Dir::State::lists', join(apt, 'lists')],
    ['Dir::Cache', join(apt, 'cache')],
    ['APT::Sandbox::User', 'root'],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`])
  await must('apt-get', [...options, '-q', 'update'], folder)
  await must('apt-get', [...options, '-q', 'source', '--download-only', name], folder)
  const archive = readdirSync(folder).find(
    (each) => each.startsWith(`${name}_`) && each.includes('.orig.tar.'),
  ) as string
  await must('tar', ['-xf', archive, '-C', source, '--strip-components=1'], folder)
  return source
}
