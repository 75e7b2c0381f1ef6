/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure run COMMAND…: its wall time in milliseconds and peak resident memory in KiB.
 * measure load N: microseconds to load the provider tpmiot (OPENSSL_MODULES), median of N.
 * measure memory: KiB of resident memory that loading it adds to a process that uses OpenSSL.
 */
#include <config.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int
run(char **argv)
{
	struct rusage usage;
	int64_t start = now_us();
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		/* Its output is not what is measured. */
		if (dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
			execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 1;
	printf("%lld %ld\n", (long long)(now_us() - start) / 1000, usage.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
load(size_t n)
{
	int64_t *us = calloc(n + 1, sizeof(*us));
	size_t i;

	if (us == NULL)
		return 1;
	for (i = 0; i < n; i++) {
		int64_t start = now_us();
		OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
		OSSL_PROVIDER *prov = OSSL_PROVIDER_load(libctx, "tpmiot");

		us[i] = now_us() - start;
		if (prov == NULL)
			break;
		OSSL_PROVIDER_unload(prov);
		OSSL_LIB_CTX_free(libctx);
	}
	if (i == n && n > 0) {
		qsort(us, n, sizeof(*us), compare);
		printf("%lld\n", (long long)us[n / 2]);
	}
	free(us);
	return i < n || n == 0;
}

static long
resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = -1;

	if (file != NULL) {
		if (fscanf(file, "%*d %ld", &pages) != 1)
			pages = -1;
		fclose(file);
	}
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int
memory(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	OSSL_PROVIDER *prov;
	long before;

	if (OSSL_PROVIDER_load(NULL, "default") == NULL ||
	    EVP_Digest("x", 1, digest, NULL, EVP_sha256(), NULL) != 1)
		return 1;
	before = resident_kib();
	prov = OSSL_PROVIDER_load(NULL, "tpmiot");
	printf("%ld\n", resident_kib() - before);
	return prov == NULL;
}

int
main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "run") == 0)
		return run(argv + 2);
	if (argc == 3 && strcmp(argv[1], "load") == 0)
		return load(strtoul(argv[2], NULL, 10));
	if (argc == 2 && strcmp(argv[1], "memory") == 0)
		return memory();
	fprintf(stderr, "usage: measure run COMMAND... | measure load N | measure memory\n");
	return 2;
}
