"""Which system calls may delay a signal by their duration, and why. Any other delay fails the suite."""

import re

# A pattern for a call and its arguments in the trace, and the reason why it does not block.
TABLE = {
    r"rt_sigtimedwait|ppoll|poll\(.*NULL, 0": "it waits until the next step is due",
    r"kill|pidfd_\w+|rt_sigqueueinfo|wait4|waitid|clone|fork|vfork": "the kernel's own work, without a file",
    r"clock_gettime|getpid|getpgid|getpgrp|getsid|gettid|prctl|rt_sigprocmask|ptrace": "the kernel's own work, without a file",
    r"close_range|chdir": "once, after the start of the app, to close inherited descriptors",
    r"open(at)?\(.*(\"/proc|\d+, \"(\d+|self|thread-self)\b)": "/proc is in memory",
    r"(read|getdents64|close)\(": "of /proc or a socket, or of a pipe that has data or is closed: helpers read files",
    r"(fstat|stat|lstat|access|fcntl|ioctl)\(": "on open descriptors",
    r"socketpair|socket|accept4|sendto|recvfrom|shutdown|setsockopt|dup2|dup3|signalfd4|pipe2": "does not wait: MSG_DONTWAIT, or no peer",
    r"pwritev2|splice|poll": "a line to a pipe: RWF_NOWAIT, SPLICE_F_NONBLOCK, no timeout",
}


def reason(call: str) -> str:
    """Returns why this call may delay a signal, or "" if it must not."""
    for pattern, why in TABLE.items():
        if re.match(pattern, call):
            return why
    return ""
