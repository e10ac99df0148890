// Apache httpd as a backend: in the foreground, in clear text and over TLS on two ports of the test's own,
// with all its files in a folder that its children, who are not this user where this is root, can reach.

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { pathOf } from '../../tools/testbed/certificates/index.js'
import { freePort, start } from '../../tools/testbed/programs.js'

const MODULES = ['mpm_event', 'authz_core', 'http2', 'ssl', 'socache_shmcb']

const configuration = (folder: string, port: number, securePort: number): string => `
ServerRoot ${folder}
ServerName localhost
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
${userInfo().uid === 0 ? 'User www-data\nGroup www-data' : ''}
PidFile ${folder}/httpd.pid
Mutex file:${folder}
ErrorLog ${folder}/error.log
LogLevel warn
StartServers 1
ThreadsPerChild 64
MaxRequestWorkers 64
KeepAlive On
MaxKeepAliveRequests 0
DocumentRoot ${folder}
Listen 127.0.0.1:${port}
Listen 127.0.0.1:${securePort}
Protocols h2 h2c http/1.1
<VirtualHost 127.0.0.1:${securePort}>
SSLEngine on
SSLCertificateFile ${pathOf('localhost.pem')}
SSLCertificateKeyFile ${pathOf('localhost.key')}
</VirtualHost>
`

/** Returns the ports of httpd, once it accepts. */
export async function apache(t: Test, files: Readonly<Record<string, string | Buffer>>) {
  const [port, securePort] = [await freePort(), await freePort()]
  const folder = mkdtempSync(join(tmpdir(), 'apache-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  chmodSync(folder, 0o755)
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  writeFileSync(join(folder, 'httpd.conf'), configuration(folder, port, securePort))
  const program = await start('apache2', ['-f', join(folder, 'httpd.conf'), '-D', 'FOREGROUND'], { port })
  t.teardown(() => program.stop())
  return { port, securePort }
}
