"""System calls that a process which only decodes has no use for, by machine.

Numbers from the kernel's tables (arch/x86/entry/syscalls/syscall_64.tbl and the generic table
that arm64 uses); None where a machine has no such call.
"""

# AUDIT_ARCH_* of linux/audit.h
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}

# Refused with EACCES.
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # the network, and local sockets as well: nothing is left to connect to
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200),
    "listen": (50, 201), "accept": (43, 202), "accept4": (288, 242),
    # files: all that are needed were opened by the parent
    "open": (2, None), "creat": (85, None), "openat": (257, 56), "openat2": (437, 437),
    "open_by_handle_at": (304, 265), "truncate": (76, 45), "mknod": (133, None),
    "mknodat": (259, 33), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None),
    "renameat": (264, 38), "renameat2": (316, 276), "mkdir": (83, None), "mkdirat": (258, 34),
    "rmdir": (84, None), "link": (86, None), "linkat": (265, 37), "symlink": (88, None),
    "symlinkat": (266, 36), "chmod": (90, None), "fchmodat": (268, 53), "chown": (92, None),
    "fchownat": (260, 54), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51),
    # other programs and other processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "kill": (62, 129), "tkill": (200, 130), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "unshare": (272, 97),
    "setns": (308, 268), "shmget": (29, 194), "msgget": (68, 186), "semget": (64, 190),
    "mq_open": (240, 180),
    # parts of the kernel with a history
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "init_module": (175, 105), "finit_module": (313, 273), "kexec_load": (246, 104),
    "personality": (135, 92), "reboot": (169, 142),
}  # fmt: skip

# Threads are made by clone with CLONE_THREAD; without that flag it would be a process. clone3
# hides its flags behind a pointer, where no filter can look: answered with "not implemented",
# upon which the C library falls back to clone.
CLONE = {"x86_64": 56, "aarch64": 220}
CLONE3 = {"x86_64": 435, "aarch64": 435}


def refused_numbers(machine: str) -> list[int]:
    column = COLUMN[machine]
    numbers = (numbers[column] for numbers in REFUSED.values())
    return [number for number in numbers if number is not None]
