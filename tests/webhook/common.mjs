// A test with applications that are told over HTTP.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { ROOT } from '../common/daemon.mjs'
import { chat } from '../common/harness.mjs'
import { Receiver } from '../common/receiver.mjs'

/** The names of all events. */
const source = readFileSync(join(ROOT, 'src/webhook/kind.rs'), 'utf8')
export const KINDS = [...source.matchAll(/Kind::\w+ => "([^"]+)"/g)].map(([, name]) => name)

/** A conversation with a daemon that tells `count` receivers, which the body gets: as `app`, and all as `apps`. */
export function told(name, ...rest) {
  const body = rest.pop()
  const { count = 1, webhook = {}, answer, tls, ...options } = rest.pop() ?? {}
  chat(name, options, async (scene, t) => {
    const apps = await Promise.all(Array.from({ length: count }, () => Receiver.listen({ answer, tls })))
    try {
      await tell(scene, apps.map((app, n) => app.table({ name: `app-${n}`, ...webhook })))
      await body(scene, { apps, app: apps[0], t })
      for (const app of apps) assert.deepEqual(app.faults, [])
    } finally {
      await Promise.all(apps.map((app) => app.close()))
    }
  })
}

/** Has the daemon tell these webhooks and no others from now on. */
export async function tell(scene, tables) {
  for (const { secret } of tables) for (const text of [secret ?? []].flat()) scene.daemon.keepSecret(text)
  const { line, message } = await scene.daemon.reload({ webhooks: tables })
  assert.equal(message, 'configuration reloaded', line)
}
