/*
 * The kinds of plan and policy that the walk uses: named ones, each for a property of its own, and all short plans,
 * generated.
 */
#ifndef LULL_TESTS_KINDS_H
#define LULL_TESTS_KINDS_H

#include "world.h"

/* By name. */
int kinds_named(void);
const struct kind *kind_named(int number);

/*
 * All plans of `steps` steps, from a handful of waits and signals, fixed to a grace period and not; the policy
 * rotates.
 */
int kinds_generated(int steps);
void kind_generated(struct kind *kind, int steps, int number);

#endif
