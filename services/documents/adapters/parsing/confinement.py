"""What the parsing child gives up before it reads anything.

Memory, CPU time and file writes are bounded everywhere; on Linux the child also loses the system
calls for sockets, new programs and changes to files, for good. Where the kernel does not offer
that, the limits remain, and the parent's time limit around them.
"""

import contextlib
import ctypes
import gc
import os
import platform
import resource
import struct
from pathlib import Path
from typing import Final

MEMORY_BYTES: Final = 512 * 1024 * 1024
MAX_OPEN_FILES: Final = 64

_IS_LINUX: Final = platform.system() == "Linux"
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_PR_SET_DUMPABLE: Final = 4
_PR_SET_PDEATHSIG: Final = 1
_CAPABILITY_VERSION_3: Final = 0x20080522
_SIGKILL: Final = 9
_MODE_FILTER: Final = 2
_EPERM: Final = 1
_RETURN_ALLOW: Final = 0x7FFF0000
_RETURN_ERRNO: Final = 0x00050000
_LOAD_WORD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_RETURN: Final = 0x06

# Architecture token, then the numbers of: socket, socketpair, connect, bind, execve, execveat,
# ptrace, unlink(at), rename(at, at2), truncate, chmod and link calls; fork, vfork, clone and clone3
# (no reader needs threads); kill, pidfd_send_signal, pidfd_getfd, process_vm_readv and _writev,
# which reach into other processes; io_uring_setup, by which any of these could be had.
_FORBIDDEN: Final[dict[str, tuple[int, tuple[int, ...]]]] = {
    "x86_64": (
        0xC000003E,
        (
            41,
            53,
            42,
            49,
            59,
            322,
            101,
            87,
            263,
            82,
            264,
            316,
            76,
            90,
            268,
            86,
            265,
            57,
            58,
            56,
            435,
            62,
            424,
            438,
            310,
            311,
            425,
        ),
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(198, 199, 203, 200, 221, 281, 117, 35, 38, 276, 45, 53, 37, 220, 435),
            *(129, 424, 438, 270, 271, 425),
        ),
    ),
}


def confine(*, memory_bytes: int = MEMORY_BYTES) -> None:
    """Give up what parsing does not need. There is no way back."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    if _IS_LINUX:
        # Elsewhere address space is not counted; the parent watches resident memory.
        _limit(resource.RLIMIT_AS, _address_space_bytes() + memory_bytes)
        _forbid_calls()


def hide_environment() -> None:
    """Keep this process' environment and memory from the children it is about to start.

    They run as the same user, who could otherwise read the service's secrets in /proc.
    """
    if _IS_LINUX:
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def limit_cpu_seconds(seconds: int) -> None:
    """Let this process use so much more CPU time; beyond it the kernel kills it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + seconds + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def resident_bytes() -> int:
    """Return the memory that this process takes now (elsewhere than on Linux: at its peak)."""
    if _IS_LINUX:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def release_memory() -> None:
    """Give back what documents before have left: cycles, and pages the allocator holds on to."""
    gc.collect()
    if _IS_LINUX:
        with contextlib.suppress(AttributeError):  # glibc's own
            ctypes.CDLL(None).malloc_trim(0)


def _limit(what: int, value: int) -> None:
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (value, value))


def _address_space_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _forbid_calls() -> None:
    """Install a seccomp filter: the listed calls fail with EPERM from here on."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _drop_capabilities(libc)
    known = _FORBIDDEN.get(platform.machine())
    if known is None or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return
    program = seccomp_program(*known)
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog { unsigned short len; struct sock_filter *filter; }
    header = ctypes.create_string_buffer(
        struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    )
    libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Be root without root's rights, where the service runs as root."""
    # struct __user_cap_header_struct { u32 version; int pid; }, then two times three empty sets.
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0))
    libc.capset(header, ctypes.create_string_buffer(bytes(24)))


def seccomp_program(architecture: int, forbidden: tuple[int, ...]) -> bytes:
    """Return a BPF program that refuses calls of other architectures and the forbidden ones.

    Args:
        architecture: The kernel's AUDIT_ARCH token.
        forbidden: Numbers of system calls.
    """
    refuse = (_RETURN, 0, 0, _RETURN_ERRNO | _EPERM)
    steps = [
        # seccomp_data: the call's number at 0, the architecture at 4.
        (_LOAD_WORD, 0, 0, 4),
        (_JUMP_EQUAL, 1, 0, architecture),
        refuse,
        (_LOAD_WORD, 0, 0, 0),
    ]
    for place, number in enumerate(forbidden):
        # Jump over the remaining comparisons and the "allow" to the last step.
        steps.append((_JUMP_EQUAL, len(forbidden) - place, 0, number))
    steps += [(_RETURN, 0, 0, _RETURN_ALLOW), refuse]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
