/*
 * Which remaining process is signalled: everything that can be known of one, and every signal.
 */
#ifndef LULL_TESTS_JUDGE_H
#define LULL_TESTS_JUDGE_H

/* Returns how many were tried; *failures counts those that were not judged as the manual has it. */
long long judge_try_all(long long *failures);

#endif
