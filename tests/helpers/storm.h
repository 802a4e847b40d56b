/*
 * The indexes of the numbers in the file that storm.c, race.c and tests/storms/common.py share.
 */
#ifndef STORM_H
#define STORM_H

enum {
	READY,         /* the app handles signals */
	INIT_PID,      /* of the init, as seen from the stage */
	APP_PID,       /* of the app, in its own namespace */
	APP_ENDED_NS,  /* when the app exited, by CLOCK_MONOTONIC */
	LEFT,          /* the init has exited */
	LEFT_NS,       /* when */
	LEFT_STATUS,   /* its status of wait(2) */
	VALUES,        /* sum of the values that the app got with signals */
	ORPHANS,       /* made so far */
	CROWD,         /* all of them are made */
	APP_FDS,       /* entries of /proc/self/fd */
	APP_ENV,       /* bytes of the app's environment */
	SENT,          /* signals sent without a value */
	SENT_QUEUED,   /* signals sent with a value */
	SENT_VALUES,   /* sum of these values */
	LEFT_PID,      /* the last of the remaining processes */
	STRANGER,      /* signals to the process that reused a PID */
	STRANGER_MADE, /* whether there is such a process */
	COUNTS = 32,   /* signals to the app, by number */
	PIDS = 128,    /* of the orphans */
	SLOTS = PIDS + 65536,
};

#define SHARED_SIZE (SLOTS * sizeof(uint64_t))

#endif
