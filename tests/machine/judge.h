/*
 * Which remaining process is signalled: each combination of facts, and each signal.
 */
#ifndef LULL_TESTS_JUDGE_H
#define LULL_TESTS_JUDGE_H

/* Returns how many were tried; *failures counts those that were not judged by the rules of the manual. */
long long judge_try_all(long long *failures);

#endif
