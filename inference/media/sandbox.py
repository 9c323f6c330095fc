"""What the media process gives up before it looks at a stranger's file, for good.

No sockets, no opening of any file (those it needs were opened by its parent), no other program,
no other process; bounded memory, processor time and output. The filter is a classic BPF program
written here: twelve lines instead of a system library that not every machine has.
"""

import ctypes
import errno
import os
import platform
import resource
import signal
import struct
import sys
from dataclasses import dataclass

from inference.media import syscalls

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC = 1, 1
RET_ALLOW, RET_ERRNO, RET_KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
# BPF opcodes: load a word of seccomp_data; jump if equal, greater or equal, any bit set; return.
LOAD, JEQ, JGE, JSET, RET = 0x20, 0x15, 0x35, 0x45, 0x06
# Offsets in struct seccomp_data: call number, architecture, first argument's lower half.
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16
X32_CALLS = 0x40000000  # x86-64's second numbering of the same calls
CLONE_THREAD = 0x00010000
MAX_OPEN_FILES = 64
GRACE_SECONDS = 5


class SandboxUnavailable(Exception):
    """This system can't confine a process, so no stranger's file is opened on it."""


@dataclass(frozen=True)
class Rations:
    memory_bytes: int
    cpu_seconds: int
    file_bytes: int


def confine(rations: Rations) -> None:
    """Give up everything but reading and writing what is already open. There is no way back.

    Call it after all imports: a module that is not loaded yet can't be opened any more.
    Raises SandboxUnavailable where the system can't do it.
    """
    ration(rations)
    _check(_libc().prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    _check(_libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "dumpable")
    _install(_program(platform.machine()))


def ration(rations: Rations) -> None:
    limits = {
        resource.RLIMIT_AS: rations.memory_bytes,
        resource.RLIMIT_FSIZE: rations.file_bytes,
        resource.RLIMIT_NOFILE: MAX_OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for name, value in limits.items():
        resource.setrlimit(name, (value, value))
    # With equal limits the kernel would kill at once, as it does when memory is out; so the
    # first sign is SIGXCPU, by which the parent tells the two apart.
    seconds = rations.cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + GRACE_SECONDS))


def die_with_parent(parent: int) -> None:
    """Be killed when the thread that started this process ends; leave now if it already has."""
    if sys.platform == "linux":
        _libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _program(machine: str) -> bytes:
    """The filter for this machine: 8 bytes an instruction (code, jump if true, if false, value)."""
    if sys.platform != "linux" or machine not in syscalls.ARCHITECTURES:
        raise SandboxUnavailable(f"No system call filter is known for {sys.platform} {machine}.")
    refuse = RET_ERRNO | errno.EACCES
    code = [
        (LOAD, 0, 0, ARCHITECTURE),
        (JEQ, 1, 0, syscalls.ARCHITECTURES[machine]),
        (RET, 0, 0, RET_KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
        (JGE, 0, 1, X32_CALLS),
        (RET, 0, 0, refuse),
        (JEQ, 0, 1, syscalls.CLONE3[machine]),
        (RET, 0, 0, RET_ERRNO | errno.ENOSYS),
    ]
    for number in syscalls.refused_numbers(machine):
        code += [(JEQ, 0, 1, number), (RET, 0, 0, refuse)]
    code += [
        (JEQ, 0, 3, syscalls.CLONE[machine]),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JSET, 1, 0, CLONE_THREAD),
        (RET, 0, 0, refuse),
        (RET, 0, 0, RET_ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _install(program: bytes) -> None:
    class Filter(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    # TSYNC: threads that imports have started come under the filter too.
    filter_ = Filter(len(program) // 8, program)
    answer = _libc().syscall(
        SYS_SECCOMP[platform.machine()],
        SECCOMP_SET_MODE_FILTER,
        SECCOMP_FILTER_FLAG_TSYNC,
        ctypes.byref(filter_),
    )
    _check(answer, "seccomp")


def _check(answer: int, name: str) -> None:
    if answer != 0:
        reason = os.strerror(ctypes.get_errno())
        raise SandboxUnavailable(
            f"The system refused to confine the media process ({name}: {reason})."
        )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
