// nginx as a backend: one process in the foreground, on a port of the test's own, with all its files in the
// test's folder.

import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort, start } from './programs.js'

export interface NginxOptions {
  /** The parameters of its `listen`, such as `ssl http2`. */
  readonly listen?: string
  /** Directives for its `http` block. */
  readonly http?: string
  /** Directives for its `server` block. */
  readonly server: string
  readonly files?: Readonly<Record<string, string | Buffer>>
}

/** Returns the whole configuration of an nginx that needs no other file, and writes only in this folder. */
export const nginxConfiguration = (
  folder: string,
  port: number,
  { listen = '', http = '', server }: NginxOptions,
): string => `
daemon off; master_process off; worker_processes 1;
pid ${folder}/nginx.pid; error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  ${http}
  server { listen 127.0.0.1:${port} ${listen}; root ${folder}; ${server} }
}
`

/** Returns the port of nginx, once it accepts. */
export async function nginx(t: Test, options: NginxOptions): Promise<number> {
  const port = await freePort()
  const folder = t.testdir({ ...options.files, 'nginx.conf': '' })
  t.testdir({ ...options.files, 'nginx.conf': nginxConfiguration(folder, port, options) })
  const program = await start('nginx', ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')], {
    port,
  })
  t.teardown(() => program.stop())
  return port
}
