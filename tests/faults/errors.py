"""The errors of each system call: the whole ERRORS section of its manual page (Linux man-pages 6.03).

A seccomp profile can make any call fail with EPERM or ENOSYS, so each call has both. A call has EINTR if, by signal(7),
a handler or a stop and a continuation interrupts it. A call that is not listed here fails with DEFAULT, and the suite
fails until it is added.
"""

DEFAULT = "EPERM ENOSYS EINVAL ENOMEM EINTR"
ALWAYS = ("EPERM", "ENOSYS")  # errors of a seccomp profile

_OPEN = (
    "EACCES EBUSY EDQUOT EEXIST EFAULT EFBIG EINTR EINVAL EISDIR ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT ENOMEM "
    "ENOSPC ENOTDIR ENXIO EOPNOTSUPP EOVERFLOW EPERM EROFS ETXTBSY EWOULDBLOCK EBADF"
)
_STAT = "EACCES EBADF EFAULT EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EOVERFLOW"
_WRITE = "EAGAIN EBADF EDESTADDRREQ EDQUOT EFAULT EFBIG EINTR EINVAL EIO ENOSPC EPERM EPIPE"
_DUP = "EBADF EBUSY EINTR EINVAL EMFILE"
_ACCESS = "EACCES EBADF EFAULT EINVAL EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EPERM EROFS ETXTBSY"
_WAIT = "EAGAIN ECHILD EINTR EINVAL ESRCH"
_UNLINK = "EACCES EBADF EBUSY EFAULT EINVAL EIO EISDIR ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EPERM EROFS"
_ACCEPT = (
    "EAGAIN EBADF ECONNABORTED EFAULT EINTR EINVAL EMFILE ENFILE ENOBUFS ENOMEM ENOTSOCK EOPNOTSUPP EPERM EPROTO "
    "ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH ENETUNREACH"  # the last six: "Error handling" there
)
_SEND = (
    "EACCES EAGAIN EALREADY EBADF ECONNRESET EDESTADDRREQ EFAULT EINTR EINVAL EISCONN EMSGSIZE ENOBUFS ENOMEM ENOTCONN "
    "ENOTSOCK EOPNOTSUPP EPIPE"
)
_RECV = "EAGAIN EBADF ECONNREFUSED EFAULT EINTR EINVAL ENOMEM ENOTCONN ENOTSOCK"
_POLL = "EFAULT EINTR EINVAL ENOMEM"
_CLONE = "EACCES EAGAIN EBUSY EEXIST EINVAL ENOMEM ENOSPC EOPNOTSUPP EPERM EUSERS"

ERRORS = {
    "accept4": _ACCEPT,  # accept(2)
    "access": _ACCESS,  # access(2)
    "bind": "EACCES EADDRINUSE EBADF EINVAL ENOTSOCK EADDRNOTAVAIL EFAULT",  # bind(2), but for UNIX domain sockets
    "chdir": "EACCES EFAULT EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR",  # chdir(2)
    "clock_gettime": "EFAULT EINVAL ENODEV EOPNOTSUPP EPERM",  # clock_gettime(2)
    "clone": _CLONE,  # clone(2)
    "fork": _CLONE,  # fork(2)
    "vfork": _CLONE,  # vfork(2)
    "close": "EBADF EINTR EIO ENOSPC EDQUOT",  # close(2)
    "close_range": "EINVAL EMFILE ENOMEM",  # close_range(2)
    "dup2": _DUP,  # dup(2)
    "dup3": _DUP,  # dup(2)
    "execve": "E2BIG EACCES EAGAIN EFAULT EINVAL EIO EISDIR ELIBBAD ELOOP EMFILE ENAMETOOLONG ENFILE ENOENT ENOEXEC "
    "ENOMEM ENOTDIR EPERM ETXTBSY",  # execve(2)
    "faccessat": _ACCESS,  # access(2)
    "faccessat2": _ACCESS,  # access(2)
    "fcntl": "EACCES EAGAIN EBADF EBUSY EDEADLK EFAULT EINTR EINVAL EMFILE ENOLCK ENOTDIR EPERM",  # fcntl(2)
    "fstat": _STAT,  # stat(2)
    "getdents64": "EBADF EFAULT EINVAL ENOENT ENOTDIR",  # getdents(2)
    "getpgid": "ESRCH",  # getpgid(2)
    "getsid": "EPERM ESRCH",  # getsid(2)
    "ioctl": "EBADF EFAULT EINVAL ENOTTY EIO EPERM",  # ioctl(2), TIOCSCTTY(2const)
    "kill": "EINVAL EPERM ESRCH",  # kill(2)
    "listen": "EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP",  # listen(2)
    "lstat": _STAT,  # stat(2)
    "newfstatat": _STAT,  # stat(2)
    "open": _OPEN,  # open(2)
    "openat": _OPEN,  # open(2)
    "pidfd_open": "EINVAL EMFILE ENFILE ENODEV ENOMEM ESRCH",  # pidfd_open(2)
    "pidfd_send_signal": "EBADF EINVAL EPERM ESRCH",  # pidfd_send_signal(2)
    "pipe2": "EFAULT EINVAL EMFILE ENFILE ENOPKG",  # pipe(2)
    "poll": _POLL,  # poll(2)
    "ppoll": _POLL,  # poll(2)
    "prctl": "EACCES EBADF EBUSY EFAULT EINVAL ENODEV ENXIO EOPNOTSUPP EPERM",  # prctl(2)
    "prlimit64": "EFAULT EINVAL EPERM ESRCH",  # getrlimit(2)
    "pwritev2": _WRITE + " EOPNOTSUPP",  # readv(2), which adds to write(2)
    "read": "EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR",  # read(2)
    "ptrace": "EBUSY EFAULT EINVAL EIO EPERM ESRCH",  # ptrace(2)
    "recvfrom": _RECV,  # recv(2)
    "rt_sigaction": "EFAULT EINVAL",  # sigaction(2)
    "rt_sigprocmask": "EFAULT EINVAL",  # sigprocmask(2)
    "rt_sigqueueinfo": "EAGAIN EINVAL EPERM ESRCH",  # rt_sigqueueinfo(2)
    "rt_sigtimedwait": "EAGAIN EINTR EINVAL",  # sigwaitinfo(2)
    "sendto": _SEND,  # send(2)
    "setpgid": "EACCES EINVAL EPERM ESRCH",  # setpgid(2)
    "setsid": "EPERM",  # setsid(2)
    "setsockopt": "EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK",  # getsockopt(2)
    "shutdown": "EBADF EINVAL ENOTCONN ENOTSOCK",  # shutdown(2)
    "signalfd4": "EBADF EINVAL EMFILE ENFILE ENODEV ENOMEM",  # signalfd(2)
    "socket": "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT",  # socket(2)
    "socketpair": "EAFNOSUPPORT EFAULT EMFILE ENFILE EOPNOTSUPP EPROTONOSUPPORT",  # socketpair(2)
    "splice": "EAGAIN EBADF EINVAL ENOMEM ESPIPE",  # splice(2)
    "stat": _STAT,  # stat(2)
    "statfs": "EACCES EFAULT EINTR EIO ELOOP ENAMETOOLONG ENOENT ENOMEM ENOSYS ENOTDIR EOVERFLOW",  # statfs(2)
    "uname": "EFAULT",  # uname(2)
    "unlink": _UNLINK,  # unlink(2)
    "unlinkat": _UNLINK,  # unlink(2)
    "wait4": _WAIT,  # wait(2)
    "waitid": _WAIT,  # wait(2)
    "write": _WRITE,  # write(2)
    "writev": _WRITE,  # readv(2)
    # By their manual these cannot fail; a seccomp profile can make them fail.
    "getpgrp": "",  # getpgrp(2)
    "getpid": "",  # getpid(2)
    "getppid": "",  # getppid(2)
    "set_tid_address": "",  # set_tid_address(2)
}

# These return no result; except arch_prctl, which the C library calls before main on x86. If it fails, the library
# aborts.
NOT_ATTACKED = {"exit", "exit_group", "rt_sigreturn", "restart_syscall", "arch_prctl"}


def errors_of(call: str) -> list[str]:
    """Returns each error once. strace has EWOULDBLOCK as EAGAIN."""
    words = ERRORS.get(call, DEFAULT).replace("EWOULDBLOCK", "EAGAIN")
    return list(dict.fromkeys([*words.split(), *ALWAYS]))
