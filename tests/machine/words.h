/*
 * All short plans as texts, and all exit statuses.
 */
#ifndef LULL_TESTS_WORDS_H
#define LULL_TESTS_WORDS_H

/* Returns how many were tried; *failures counts those that were not accepted or rejected as they should be. */
long long words_try_all(long long *failures);

#endif
