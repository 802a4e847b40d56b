/*
 * What the memory cgroup says about lull's container.
 */
#ifndef LULL_CGROUP_H
#define LULL_CGROUP_H

#include <stdint.h>

/*
 * How many processes of lull's own cgroup the kernel has killed for want of memory, since that cgroup was made:
 * oom_kill in memory.events (cgroup v2) or memory.oom_control (v1, since Linux 4.13). -1: nobody says.
 */
int64_t cgroup_oom_kills(void);

#endif
