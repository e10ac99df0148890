// The metrics of the process, under Prometheus's names, read at a scrape.

import type { Metrics } from '../metrics/index.js'

/** Adds them to these metrics. */
export function readProcess(all: Metrics): void {
  all.collected('counter', 'process_cpu_seconds_total', 'CPU time of the process.', [], (add) => {
    const { user, system } = process.cpuUsage()
    add((user + system) / 1_000_000)
  })
  all.collected('gauge', 'process_resident_memory_bytes', 'Memory of the process.', [], (add) =>
    add(process.memoryUsage.rss()),
  )
  all.collected('gauge', 'process_start_time_seconds', 'When the process began.', [], (add) =>
    add(Math.round(Date.now() / 1_000 - process.uptime())),
  )
}
