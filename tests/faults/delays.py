"""Which system calls may delay a signal by their duration, and why. Any other delay fails the suite."""

import re

# What a call and its arguments look like in the trace, and why the call does not wait for anything there.
TABLE = {
    r"rt_sigtimedwait|ppoll|poll\(.*NULL, 0": "it waits for what is due next, and ends then",
    r"kill|pidfd_\w+|rt_sigqueueinfo|wait4|waitid|clone|fork|vfork": "the kernel's own work, without a file",
    r"clock_gettime|getpid|getpgid|getpgrp|getsid|gettid|prctl|rt_sigprocmask|ptrace": "the kernel's own work, without a file",
    r"close_range|chdir": "once, when the app has just started: what lull was started with is closed",
    r"open(at)?\(.*(\"/proc|\d+, \"(\d+|self|thread-self)\b)": "/proc is in memory",
    r"(read|getdents64|close)\(": "of /proc or a socket, or of a pipe that has an end: files are read by helpers",
    r"(fstat|stat|lstat|access|fcntl|ioctl)\(": "on descriptors that lull has open",
    r"socketpair|socket|accept4|sendto|recvfrom|shutdown|setsockopt|dup2|dup3|signalfd4|pipe2": "does not wait: MSG_DONTWAIT, or no peer",
    r"pwritev2|splice|poll": "a line to a pipe: RWF_NOWAIT, SPLICE_F_NONBLOCK, no timeout",
}


def reason(call: str) -> str:
    """Why this call may delay a signal, or nothing: it may not."""
    for pattern, why in TABLE.items():
        if re.match(pattern, call):
            return why
    return ""
