/*
 * Options for the build with AddressSanitizer: no leak check, because lull allocates no heap memory. They are compiled
 * in, because the sanitizer reads ASAN_OPTIONS from /proc, which some tests hide.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
