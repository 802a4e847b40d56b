/*
 * Gives the files of its arguments to a fuzz target, without libFuzzer, which other machines do not have. Prints how
 * many there were.
 */
#include <stdio.h>

#include "fuzz.h"

enum { INPUT_MOST = 1 << 20 };

int main(int argc, char **argv)
{
	static uint8_t bytes[INPUT_MOST];
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "re");
		if (file == NULL) {
			perror(argv[i]);
			return 1;
		}
		size_t size = fread(bytes, 1, sizeof bytes, file);
		(void)fclose(file);
		(void)fprintf(stderr, "%s\n", argv[i]);
		(void)LLVMFuzzerTestOneInput(bytes, size);
	}
	printf("%d inputs\n", argc - 1);
	return 0;
}
