// What chatd is built from. cargo-deny has the last word (deny.toml); what it forbids is held here on every run, without it.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { ROOT } from '../common/daemon.mjs'
import { pluck } from '../common/harness.mjs'

const read = (name) => readFileSync(join(ROOT, name), 'utf8')
const locked = [...read('Cargo.lock').matchAll(/^name = "(.+)"\nversion = "(.+)"/gm)].map(([, name, version]) => ({ name, version }))
const run = (program, ...args) => execFileSync(program, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
/** What is built here; the lock file has other systems' crates as well. */
const tree = [...run('cargo', 'tree', '--locked', '--prefix=none', '--edges=no-dev').matchAll(/^(\S+) v([^\s]+)/gm)]
const built = tree.map(([, name, version]) => ({ name, version }))
const isBelow = (version, least) => version.localeCompare(least, 'en', { numeric: true }) < 0

test('no crate is there that is forbidden, and none in a version with known holes', () => {
  const forbidden = [...read('deny.toml').matchAll(/\{ crate = "([^":]+)(?::<([^"]+))?" \}/g)]
  assert.ok(forbidden.length >= 5)
  for (const [, name, least] of forbidden) {
    const found = built.filter((crate) => crate.name === name)
    if (!least) assert.deepEqual(found.length, 0, name)
    else assert.ok(found.length > 0 && !found.some(({ version }) => isBelow(version, least)), `${name} ${found.map(({ version }) => version)} < ${least}`)
  }
})

test('the bill of materials names every crate with its licence, and no place', () => {
  const text = run('packaging/sbom')
  assert.ok(!text.includes(ROOT))
  const { bomFormat, components } = JSON.parse(text)
  assert.equal(bomFormat, 'CycloneDX')
  const names = components.map(({ name }) => name)
  for (const { name } of built) assert.ok(name === 'chatd' || names.includes(name), name)
  assert.deepEqual(components.filter(({ licenses }) => !licenses?.length).map(({ name }) => name), [])
  const unlocked = components.filter(({ name, version }) => !locked.some((crate) => crate.name === name && crate.version === version))
  assert.deepEqual(unlocked, [])
  const idle = components.filter(({ name, version }) => !built.some((crate) => crate.name === name && crate.version === version))
  assert.deepEqual(pluck(idle, 'name'), [], 'crates that nothing is built from')
})
