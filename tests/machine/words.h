/*
 * What a plan says, and how the app ended: all short plans as words, and all exit statuses.
 */
#ifndef LULL_TESTS_WORDS_H
#define LULL_TESTS_WORDS_H

/* Returns how many were tried; *failures counts those that were not taken, or refused, as they should be. */
long long words_try_all(long long *failures);

#endif
