/*
 * Checks which remaining process is signalled, for each combination of facts and each signal.
 */
#ifndef LULL_TESTS_JUDGE_H
#define LULL_TESTS_JUDGE_H

/* Returns the number of checks. *failures counts those with another result than by the manual. */
long long judge_try_all(long long *failures);

#endif
