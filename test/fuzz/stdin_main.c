/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target without libFuzzer: over each file that is named, or over
 * standard input, as AFL wants it.
 */
#include <stdio.h>

#include "fuzz.h"

#define INPUT_MAX (1024 * 1024)

static int
run(FILE *in, const char *name)
{
	static uint8_t buf[INPUT_MAX];
	size_t len = fread(buf, 1, sizeof(buf), in);
	uint8_t *exact;

	if (ferror(in)) {
		perror(name);
		return 1;
	}
	/* On the heap and no longer than it is, so that the sanitizers see an overrun. */
	exact = malloc(len != 0 ? len : 1);
	if (exact == NULL)
		return 1;
	for (size_t i = 0; i < len; i++)
		exact[i] = buf[i];
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 2)
		return run(stdin, "stdin");
	for (int i = 1; i < argc; i++) {
		FILE *in = fopen(argv[i], "rb");

		if (in == NULL) {
			perror(argv[i]);
			return 1;
		}
		failed |= run(in, argv[i]);
		(void)fclose(in);
	}
	return failed;
}
