/*
 * The kinds of plan and policy that the machine is walked under: by name, each for what is peculiar to it, and
 * generated, all short plans.
 */
#ifndef LULL_TESTS_KINDS_H
#define LULL_TESTS_KINDS_H

#include "world.h"

/* By name. */
int kinds_named(void);
const struct kind *kind_named(int number);

/*
 * All plans of `steps` steps, from a handful of waits and signals, as they come and fixed to a grace period; the policy
 * goes round.
 */
int kinds_generated(int steps);
void kind_generated(struct kind *kind, int steps, int number);

#endif
