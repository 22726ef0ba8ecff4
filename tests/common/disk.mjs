// A disk that is full when the test wants it: a small tmpfs in a mount namespace of the daemon's own where that is permitted
// (as root, or by an unprivileged user namespace), else a limit on the size of files.

import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'

const MOUNT = 'mkdir -p "$0" && mount -t tmpfs -o "size=$1" tmpfs "$0" && shift && exec "$@"'

function namespace() {
  for (const flags of [['-m'], ['-rm']]) {
    const probe = spawnSync('unshare', [...flags, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'])
    if (probe.status === 0) return flags
  }
  return null
}

/** How to run a daemon on a disk of `mib`, and how to fill and free that disk. */
export function smallDisk(mib) {
  const flags = namespace()
  if (flags) {
    const filler = (daemon) => `/proc/${daemon.pid}/root${daemon.stateDir}/filler`
    return {
      wrap: (stateDir) => ['unshare', ...flags, 'bash', '-c', MOUNT, stateDir, `${mib}m`],
      fill(daemon) {
        // As much as there is, to the last block.
        for (const chunk of [1024 * 1024, 64 * 1024, 4096]) {
          for (;;) {
            try {
              writeFileSync(filler(daemon), Buffer.alloc(chunk), { flag: 'a' })
            } catch (error) {
              if (error.code !== 'ENOSPC') throw error
              break
            }
          }
        }
      },
      free: (daemon) => rmSync(filler(daemon)),
    }
  }
  // Writes beyond the limit fail with EFBIG, where the signal for it is ignored.
  const limit = (daemon, size) => {
    const { status, stderr } = spawnSync('prlimit', ['--pid', String(daemon.pid), `--fsize=${size}:`])
    if (status !== 0) throw new Error(`prlimit: ${stderr}`)
  }
  return {
    wrap: () => ['bash', '-c', 'trap "" XFSZ; exec "$@"', 'bash'],
    fill: (daemon) => limit(daemon, 1),
    free: (daemon) => limit(daemon, 'unlimited'),
  }
}
