// Certificates made for a test by the openssl command, for 127.0.0.1 and vouched for by themselves.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'

const KEYS = { ec: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], rsa: ['-newkey', 'rsa:2048'] }

// Of openssl's commands "ca" alone takes dates; it wants to keep books.
const AUTHORITY = `[ca]
default_ca = own
[own]
database = books.txt
new_certs_dir = .
default_md = sha256
rand_serial = yes
unique_subject = no
copy_extensions = copy
policy = any
[any]
commonName = supplied
`

/** A directory that is gone after the tests of this file. */
export function scratch() {
  const dir = mkdtempSync(join(tmpdir(), 'chatd-tls-'))
  after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const day = (offset) => `${new Date(Date.now() + offset * 86_400_000).toISOString().replace(/[-:T]|\..*/g, '')}Z`

/** Writes a certificate and its key to `dir`, valid for the days `from` to `to` around today. */
export function certificate(dir, name, { kind = 'ec', from = -1, to = 1 } = {}) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
  const [cert, key, request] = ['crt', 'key', 'csr'].map((suffix) => join(dir, `${name}.${suffix}`))
  writeFileSync(join(dir, 'authority.cnf'), AUTHORITY)
  writeFileSync(join(dir, 'books.txt'), '')
  openssl('req', '-new', ...KEYS[kind], '-nodes', '-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost', '-keyout', key, '-out', request)
  openssl('ca', '-batch', '-notext', '-config', 'authority.cnf', '-selfsign', '-keyfile', key, '-in', request, '-startdate', day(from), '-enddate', day(to), '-out', cert)
  return { cert, key, pem: readFileSync(cert, 'utf8') }
}
