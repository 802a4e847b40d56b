/*
 * The names of signals: each has one number, in upper and lower case, with and without SIG, and each number has a name.
 */
#include <ctype.h>
#include <signal.h>
#include <string.h>

#include "../../src/signals.h"
#include "fuzz.h"

static void check_name(int signo)
{
	char name[SIGNAL_NAME_SIZE];
	const char *shorter = signal_short_name(signo, name);
	demand(signal_parse(shorter, strlen(shorter)) == signo, "the short name of a signal is its name");
	demand(strlen(shorter) < SIGNAL_NAME_SIZE - strlen("signal "), "a name fits");
	signal_name(signo, name);
	if (strncmp(name, "SIG", 3) == 0)
		demand(signal_parse(name, strlen(name)) == signo, "the long name of a signal is its name");
}

static void check_word(char *word, size_t length, int signo)
{
	char *again = fuzz_alloc(length + 3);
	for (size_t i = 0; i < length; i++)
		again[i] = (char)(isupper((unsigned char)word[i]) ? tolower((unsigned char)word[i])
		                                                  : toupper((unsigned char)word[i]));
	demand(signal_parse(again, length) == signo, "a name is the same in any case");
	memcpy(again, "SIG", 3);
	memcpy(again + 3, word, length);
	bool number = length > 0 && isdigit((unsigned char)word[0]);
	bool has_it = length > 3 && toupper((unsigned char)word[0]) == 'S' && toupper((unsigned char)word[1]) == 'I' &&
	              toupper((unsigned char)word[2]) == 'G';
	int with_it = signal_parse(again, length + 3);
	demand(with_it == (number || has_it ? -1 : signo), "SIG before a name changes nothing, and is no name itself");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	size_t length;
	char *word = input_bytes(&input, &length);
	int signo = signal_parse(word, length);
	demand(signo == -1 || (signo >= 1 && signo <= SIGNALS_MAX), "a signal is 1 to 64, or none");
	demand(!signal_can_be_forwarded(SIGKILL) && !signal_can_be_forwarded(SIGSTOP) && !signal_can_be_forwarded(-1),
	       "a signal that cannot be caught is not accepted");
	check_word(word, length, signo);
	if (signo > 0)
		check_name(signo);
	input_free();
	return 0;
}
