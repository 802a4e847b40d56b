/*
 * The indexes of the numbers in the file that storm.c, race.c and tests/storms/common.py share.
 */
#ifndef STORM_H
#define STORM_H

enum {
	READY,         /* the app takes signals */
	INIT_PID,      /* of the init, as seen from the stage */
	APP_PID,       /* of the app, as it sees itself */
	APP_ENDED_NS,  /* when the app ended, by CLOCK_MONOTONIC */
	LEFT,          /* the init is gone */
	LEFT_NS,       /* when */
	LEFT_STATUS,   /* and how: wait(2) */
	VALUES,        /* sum of the values that came with signals */
	ORPHANS,       /* made so far */
	CROWD,         /* all of them are made */
	APP_FDS,       /* entries of /proc/self/fd */
	APP_ENV,       /* bytes of the app's environment */
	SENT,          /* signals without a value */
	SENT_QUEUED,   /* and with one */
	SENT_VALUES,   /* sum of those */
	LEFT_PID,      /* the last of the remaining processes */
	STRANGER,      /* signals that a stranger got */
	STRANGER_MADE, /* whether there is one */
	COUNTS = 32,   /* how often each signal came to the app */
	PIDS = 128,    /* of the orphans */
	SLOTS = PIDS + 65536,
};

#define SHARED_SIZE (SLOTS * sizeof(uint64_t))

#endif
