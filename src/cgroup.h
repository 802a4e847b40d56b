/*
 * Processes that the kernel killed because of a memory limit.
 */
#ifndef LULL_CGROUP_H
#define LULL_CGROUP_H

#include <stdint.h>

/*
 * Returns how many processes of lull's cgroup the kernel's out-of-memory killer has killed since the cgroup was made:
 * oom_kill in memory.events (cgroup v2) or memory.oom_control (v1, since Linux 4.13). -1: not known.
 */
int64_t cgroup_oom_kills(void);

#endif
