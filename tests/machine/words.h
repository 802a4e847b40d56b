/*
 * Parses all short plans as texts.
 */
#ifndef LULL_TESTS_WORDS_H
#define LULL_TESTS_WORDS_H

/* Returns the number of plans. *failures counts those that were wrongly accepted or rejected. */
long long words_try_all(long long *failures);

#endif
