/*
 * For the build with AddressSanitizer alone: there is no heap that could leak. Without /proc the option can not come
 * from the environment.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
