"""Puts what a unit file forbids onto itself, and becomes the program: the service's restrictions without the manager.

    confine.py UNIT PROGRAM ARGUMENT...

As root. The working directory stands for /etc/chatd, `--state-dir` among the arguments and $RUNTIME_DIRECTORY are what the
program may write to. Every directive of the unit is applied, or is one of those that are named below with the reason why it
is not; any other is an error, so that a new line in the unit is not passed over.
"""

import ctypes
import os
import pathlib
import resource
import socket
import struct
import subprocess
import sys

import seccomp

LIBC = ctypes.CDLL(None, use_errno=True)
# Nobody's number: the program owns what lies in the working directory, and nothing else.
USER = 64_321

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 24, 47, 4
SYS_MOUNT_SETATTR, MOUNT_ATTR_RDONLY, AT_FDCWD, AT_RECURSIVE = 442, 1, -100, 0x8000
CLONE_NEWNS = 0x20000
NAMESPACES = (CLONE_NEWNS, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x80)
PROT_WRITE, PROT_EXEC, SHM_EXEC = 2, 4, 0o100000
S_ISUID, S_ISGID = 0o4000, 0o2000

MANAGERS = {
    "the manager starts, ends and watches it, which tests/service.rs is about": """
        Type ExecStart ExecReload Restart RestartSec RestartPreventExitStatus TimeoutStartSec TimeoutStopSec WatchdogSec""",
    "the directories are the test's own": """
        StateDirectory StateDirectoryMode RuntimeDirectory RuntimeDirectoryMode ConfigurationDirectory""",
    "they change nothing that the program sees": "OOMScoreAdjust KeyringMode RemoveIPC",
    "they need a control group of its own": "DevicePolicy SocketBindDeny",
    "the mount namespace that is made here is private": "PrivateMounts",
    "the system call filter and the lack of capabilities forbid it already": """
        ProtectKernelModules ProtectKernelLogs ProtectClock ProtectHostname RestrictRealtime ProtectControlGroups
        ProtectKernelTunables""",
}
LEFT = {name for names in MANAGERS.values() for name in names.split()}


def called(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def mount(source, target, kind=None, flags=0, options=None):
    encoded = [part.encode() if part is not None else None for part in (source, str(target), kind, options)]
    called(LIBC.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]))


def bind(source, target, flags=0):
    mount(str(source), target, flags=MS_BIND | MS_REC)
    mount(None, target, flags=MS_BIND | MS_REMOUNT | MS_NOSUID | flags)


class Unit(dict):
    """The directives of [Service], those that stand there more than once as lists; each must be taken by someone."""

    def __init__(self, path):
        section = None
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and not line.startswith("#"):
                name, value = line.split("=", 1)
                self.setdefault(name, []).append(value)

    def takes(self, name, *values):
        """Whether the directive is there; one with another value than this program knows how to apply is an error."""
        found = self.pop(name, None)
        if found is not None and values and found[-1] not in values:
            sys.exit(f"confine.py: {name}={found[-1]} is not what it applies: {values}")
        return found

    def done(self):
        unknown = self.keys() - LEFT
        if unknown:
            sys.exit(f"confine.py does not apply {sorted(unknown)}: teach it, or say why not")


def group(name):
    """The system calls of a group, as this machine's systemd has it."""
    said = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True).stdout
    calls = set()
    for line in said.splitlines()[1:]:
        word = line.strip()
        if word.startswith("@"):
            calls |= group(word)
        elif word and not word.startswith("#"):
            calls.add(word)
    return calls


def system_calls(lines):
    """What the filter lets through, what it refuses, and (as systemd does) what no kernel of its time knew."""
    allowed = group("@default")
    for line in lines:
        names = line.removeprefix("~").split()
        calls = set().union(*(group(name) if name.startswith("@") else {name} for name in names))
        allowed = allowed - calls if line.startswith("~") else allowed | calls
    filtered = seccomp.SyscallFilter(seccomp.ERRNO(38))
    for call in sorted(group("@known")):
        if seccomp.resolve_syscall(seccomp.Arch(), call) >= 0:
            filtered.add_rule(seccomp.ALLOW if call in allowed else seccomp.ERRNO(1), call)
    return filtered


def further_rules(unit):
    """The directives that look at the arguments of system calls."""
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    refuse = lambda call, *args, number=1: rules.add_rule(seccomp.ERRNO(number), call, *args)
    flag = lambda position, bits: seccomp.Arg(position, seccomp.MASKED_EQ, bits, bits)
    if families := unit.takes("RestrictAddressFamilies"):
        known = {getattr(socket, name) for name in families[-1].split()}
        for family in set(range(64)) - known:
            refuse("socket", seccomp.Arg(0, seccomp.EQ, family), number=97)
    if unit.takes("RestrictNamespaces", "yes"):
        refuse("unshare")
        refuse("setns")
        # Its flags lie in memory, where no filter sees them; who is told that it is not there takes clone.
        refuse("clone3", number=38)
        for namespace in NAMESPACES:
            refuse("clone", flag(0, namespace))
    if unit.takes("MemoryDenyWriteExecute", "yes"):
        refuse("mmap", flag(2, PROT_WRITE | PROT_EXEC))
        refuse("mprotect", flag(2, PROT_EXEC))
        refuse("pkey_mprotect", flag(2, PROT_EXEC))
        refuse("shmat", flag(2, SHM_EXEC))
    if unit.takes("RestrictSUIDSGID", "yes"):
        for bit in (S_ISUID, S_ISGID):
            for call, position in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2)):
                refuse(call, flag(position, bit))
    if unit.takes("LockPersonality", "yes"):
        refuse("personality", seccomp.Arg(0, seccomp.NE, 0))
    return rules


def own(directory):
    for path in [directory, *directory.rglob("*")]:
        os.lchown(path, USER, USER)


def file_system(unit, home, writable):
    """What is there, and what of it can be written to."""
    for directory in writable:
        directory.mkdir(parents=True, exist_ok=True)
    own(home)
    called(LIBC.unshare(CLONE_NEWNS))
    mount(None, "/", flags=MS_REC | MS_PRIVATE)
    # What hides these paths below hides them from a path, and not from a descriptor.
    kept = [(path, os.open(path, os.O_PATH)) for path in [home, *writable]]
    if unit.takes("ProtectSystem", "strict"):
        read_only = struct.pack("QQQQ", MOUNT_ATTR_RDONLY, 0, 0, 0)
        called(LIBC.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, read_only, len(read_only)))
    if unit.takes("ProtectHome", "yes"):
        for path in ("/home", "/root", "/run/user"):
            if os.path.isdir(path):
                mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=000")
    if unit.takes("PrivateTmp", "yes"):
        for path in ("/tmp", "/var/tmp"):
            mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    if unit.takes("PrivateDevices", "yes"):
        devices = {name: os.open(f"/dev/{name}", os.O_PATH) for name in ("null", "zero", "full", "random", "urandom")}
        mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755")
        for name, device in devices.items():
            pathlib.Path(f"/dev/{name}").touch()
            bind(f"/proc/self/fd/{device}", f"/dev/{name}")
    for path, descriptor in kept:
        path.mkdir(parents=True, exist_ok=True)
        bind(f"/proc/self/fd/{descriptor}", path, 0 if path in writable else MS_RDONLY)
    if unit.takes("ProtectProc", "invisible") and unit.takes("ProcSubset", "pid"):
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible,subset=pid")


def main():
    unit = Unit(sys.argv[1])
    program, arguments = sys.argv[2], sys.argv[2:]
    state = pathlib.Path(arguments[arguments.index("--state-dir") + 1])
    home = pathlib.Path.cwd()
    # It may lie where its path is hidden; the shared libraries do not.
    binary = os.open(program, os.O_RDONLY | os.O_CLOEXEC)

    errno = unit.takes("SystemCallErrorNumber", "EPERM") and unit.takes("SystemCallArchitectures", "native")
    assert errno, "the filters below are made for these"
    filters = [further_rules(unit), system_calls(unit.takes("SystemCallFilter"))]
    file_system(unit, home, [state, pathlib.Path(os.environ["RUNTIME_DIRECTORY"])])
    os.chdir(home)
    if limit := unit.takes("LimitNOFILE"):
        most = min(int(limit[-1]), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if mask := unit.takes("UMask"):
        os.umask(int(mask[-1], 8))
    last = int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text()) if os.path.exists("/proc/sys") else 40
    if unit.takes("CapabilityBoundingSet", ""):
        for capability in range(last + 1):
            called(LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
    if unit.takes("AmbientCapabilities", ""):
        called(LIBC.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
    if unit.takes("User") and unit.takes("Group"):
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
    if unit.takes("NoNewPrivileges", "yes"):
        called(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    unit.done()
    for one in filters:
        one.load()
    os.execve(binary, arguments, dict(os.environ))


main()
