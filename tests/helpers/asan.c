/*
 * Options for the build with AddressSanitizer: lull has no heap that could leak. They are compiled in, since the
 * sanitizer reads the environment from /proc, which some tests hide.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
