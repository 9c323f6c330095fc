"""Become the account that PostgreSQL may run as, then become PostgreSQL.

    python -I account.py DATA_FOLDER COMMAND [ARGUMENTS...]

PostgreSQL refuses to run as root. Started by root, this process becomes `nobody`. Where `nobody`
can't walk down to the data folder or to the program (a clone below a home of mode 0700), it keeps
one capability of root: to pass closed folders. docs/decisions/002 tells what that costs.

The program ends when its parent does, however that ends. Everything is imported before the account
changes: afterwards Python's own library may be out of reach. Linux only, except for a plain start.
"""

import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

ACCOUNT = "nobody"

PR_SET_PDEATHSIG = 1
PR_CAPBSET_READ = 23
PR_SET_SECUREBITS = 28
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
# With it access(2), by which PostgreSQL looks for its own program, minds capabilities.
SECBIT_NO_SETUID_FIXUP = 1 << 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522


class Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class Half(ctypes.Structure):
    """Capabilities 0-31, or 32-63, as bits."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def call(function: str, *arguments: object) -> int:
    """A function of the C library. Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    result = getattr(library, function)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{function}: {os.strerror(ctypes.get_errno())}")
    return int(result)


def prctl(option: int, *values: int) -> int:
    padded = (*values, 0, 0, 0, 0)[:4]
    return call("prctl", option, *map(ctypes.c_ulong, padded))


def hold_only(*capabilities: int) -> None:
    """Permitted, effective and inheritable: these and no other."""
    bits = sum(1 << number for number in capabilities)
    halves = (Half * 2)(Half(bits, bits, bits), Half(0, 0, 0))
    call("capset", ctypes.byref(Header(CAPABILITY_VERSION_3, 0)), halves)


def passes(folder: Path, account: pwd.struct_passwd) -> bool:
    """Whether the account may walk through the folder, by its mode alone."""
    status = folder.stat()
    if status.st_uid == account.pw_uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.pw_gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def reaches(path: str, account: pwd.struct_passwd) -> bool:
    return all(passes(folder, account) for folder in Path(path).resolve().parents)


def passing_capability() -> int:
    """The weakest one at hand that walks through closed folders. Raises PermissionError."""
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if prctl(PR_CAPBSET_READ, capability) == 1:
            return capability
    raise PermissionError("this container withholds CAP_DAC_READ_SEARCH and CAP_DAC_OVERRIDE")


def become(account: pwd.struct_passwd, paths: list[str]) -> None:
    """Leave root for the account, with a way to the paths. Raises OSError."""
    capability = 0
    if not all(reaches(path, account) for path in paths):
        capability = passing_capability()
        prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    if capability:
        hold_only(capability)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def main() -> None:
    data, command = sys.argv[1], sys.argv[2:]
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT)
        try:
            become(account, [data, command[0]])
        except OSError as problem:
            sys.exit(
                f"PostgreSQL can't run as {ACCOUNT} here ({problem}): start as an ordinary user, "
                "or set DATABASE_URL to a server of your own."
            )
    if sys.platform == "linux":
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        # SIGINT is PostgreSQL's fast shutdown. After the change of account, which would clear it.
        prctl(PR_SET_PDEATHSIG, signal.SIGINT)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
