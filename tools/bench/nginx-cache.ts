// nginx as a cache over HTTP/2: one worker, no access log, its files in memory and kept open.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nginxConfiguration } from '../testbed/nginx.js'
import type { Contender } from './contenders.js'

export const NGINX_CACHE = 'nginx-cache'

const MEMORY = '/dev/shm'

export const nginxCache: Contender = {
  name: NGINX_CACHE,
  share: 1,
  program: 'nginx',
  command: (way, port, backendPort) => {
    if (way.client !== 'h2c' || way.backend !== 'h1') return null
    const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'nginx-cache-'))
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
    const http = `
      sendfile on; tcp_nopush on;
      open_file_cache max=1000 inactive=1h;
      proxy_cache_path ${folder}/cache keys_zone=main:10m inactive=1d use_temp_path=off;`
    const server = `
      location / {
        proxy_pass http://127.0.0.1:${backendPort}; proxy_http_version 1.1; proxy_set_header connection "";
        proxy_cache main;
      }`
    const file = join(folder, 'nginx.conf')
    writeFileSync(file, nginxConfiguration(folder, port, { listen: 'http2', http, server }))
    return { command: 'nginx', args: ['-p', folder, '-e', 'stderr', '-c', file] }
  },
}
