"""Which system calls a confined program is denied: their numbers on x86_64 and on aarch64."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

Numbers = tuple[int | None, int | None]


class Condition(Enum):
    """When the bits of an argument make a call one that is denied."""

    HAS_ANY = auto()
    LACKS_ALL = auto()
    EQUALS = auto()
    DIFFERS = auto()


@dataclass(frozen=True, slots=True)
class ArgumentRule:
    """Denies a call by the lower half of one of its arguments, whose position counts from 0."""

    numbers: Numbers
    position: int
    condition: Condition
    value: int


@dataclass(frozen=True, eq=False)
class Rules:
    """What a filter denies. Each is a constant, and equal to itself alone."""

    calls: Mapping[str, Numbers]
    arguments: tuple[ArgumentRule, ...]


# close_range(2). What came later, and the other numbering of x86_64 with its high bit, does not
# exist for a confined program.
NEWEST = 436
# Its arguments lie where a filter cannot see them. Programs make do with clone(2).
CLONE3 = 435

_SOCKETS: dict[str, Numbers] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    # It makes sockets and opens files without a call that a filter sees.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
# Memory, queues and keys that all processes of an account share.
_SHARED: dict[str, Numbers] = {
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
}
# Looking into another process, or slowing it down.
_PROCESSES: dict[str, Numbers] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "perf_event_open": (298, 241),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
}
# Another view of the machine, and the parts of the kernel that most attacks on it begin with.
_KERNEL: dict[str, Numbers] = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "personality": (135, 92),
    "syslog": (103, 116),
}
# Landlock knows neither modes nor owners nor times, and its first versions no truncation.
_FILES: dict[str, Numbers] = {
    "open_by_handle_at": (304, 265),
    "creat": (85, None),
    "truncate": (76, 45),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "flock": (73, 32),
    "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262),
}
# Denied where Landlock is too old to keep them inside. A program that aborts then ends by another
# signal than its own.
_SIGNALS: dict[str, Numbers] = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
_NEW_PROCESSES: dict[str, Numbers] = {
    "fork": (57, None),
    "vfork": (58, None),
}

_OPEN: Numbers = (2, None)
_OPENAT: Numbers = (257, 56)
_CLONE: Numbers = (56, 220)
_FCNTL: Numbers = (72, 25)
_PRLIMIT: Numbers = (302, 261)

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# The flags of clone(2) that make a name space, and the one that makes a thread.
_NAME_SPACES = 0x7E020000
_THREAD = 0x00010000
# Commands of fcntl(2) by which the kernel sends a signal when a file has data: any, to any process.
_SET_OWNER, _SET_SIGNAL, _SET_OWNER_EX = 8, 10, 15

_ARGUMENTS = (
    ArgumentRule(_OPEN, 1, Condition.HAS_ANY, _WRITING),
    ArgumentRule(_OPENAT, 2, Condition.HAS_ANY, _WRITING),
    ArgumentRule(_CLONE, 0, Condition.HAS_ANY, _NAME_SPACES),
    ArgumentRule(_FCNTL, 1, Condition.EQUALS, _SET_OWNER),
    ArgumentRule(_FCNTL, 1, Condition.EQUALS, _SET_SIGNAL),
    ArgumentRule(_FCNTL, 1, Condition.EQUALS, _SET_OWNER_EX),
    # Limits of its own, and not those of another process.
    ArgumentRule(_PRLIMIT, 0, Condition.DIFFERS, 0),
)

CONFINED = Rules(_SOCKETS | _SHARED | _PROCESSES | _KERNEL | _FILES, _ARGUMENTS)
CONFINED_WITHOUT_SIGNALS = Rules({**CONFINED.calls, **_SIGNALS}, _ARGUMENTS)
NO_PROCESSES = Rules(_NEW_PROCESSES, (ArgumentRule(_CLONE, 0, Condition.LACKS_ALL, _THREAD),))
