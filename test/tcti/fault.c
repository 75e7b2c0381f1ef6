/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>
#include <tss2/tss2_tpm2_types.h>

#include "fault.h"

#define EXPORT __attribute__((visibility("default")))
#define FAULT_MAGIC 0x6661756c74000001ULL
#define RESPONSE_MAX 8192
#define HEADER 10

struct fault_tcti {
	TSS2_TCTI_CONTEXT_COMMON_V2 common;
	TSS2_TCTI_CONTEXT *real;
	int lock;
	enum fault_kind now; /* for the response that is awaited */
};

/* One plan for the process: the connection that it strikes may be made later. */
static struct {
	pthread_mutex_t mutex;
	enum fault_kind kind;
	uint32_t arg;
	unsigned int at, times, sent;
	bool fired;
} plan = { .mutex = PTHREAD_MUTEX_INITIALIZER };

EXPORT void
fault_arm(unsigned int n, enum fault_kind kind, uint32_t arg, unsigned int times)
{
	(void)pthread_mutex_lock(&plan.mutex);
	plan.kind = kind;
	plan.arg = arg;
	plan.at = n;
	plan.times = times;
	plan.sent = 0;
	plan.fired = false;
	(void)pthread_mutex_unlock(&plan.mutex);
}

EXPORT unsigned int
fault_sent(bool *fired)
{
	unsigned int n;

	(void)pthread_mutex_lock(&plan.mutex);
	n = plan.sent;
	*fired = plan.fired;
	(void)pthread_mutex_unlock(&plan.mutex);
	return n;
}

static enum fault_kind
next_command(void)
{
	enum fault_kind kind = FAULT_NONE;

	(void)pthread_mutex_lock(&plan.mutex);
	plan.sent++;
	if (plan.kind != FAULT_NONE && plan.sent >= plan.at && plan.sent < plan.at + plan.times) {
		kind = plan.kind;
		plan.fired = true;
	}
	(void)pthread_mutex_unlock(&plan.mutex);
	return kind;
}

static TSS2_RC
transmit(TSS2_TCTI_CONTEXT *ctx, size_t size, const uint8_t *command)
{
	struct fault_tcti *fault = (struct fault_tcti *)ctx;

	fault->now = next_command();
	switch (fault->now) {
	case FAULT_CLOSED:
		return TSS2_TCTI_RC_IO_ERROR;
	case FAULT_CODE:
	case FAULT_HANG:
	case FAULT_SLEEP:
		return TSS2_RC_SUCCESS;
	default:
		return Tss2_Tcti_Transmit(fault->real, size, command);
	}
}

static void
put_be32(uint8_t *to, uint32_t v)
{
	to[0] = (uint8_t)(v >> 24);
	to[1] = (uint8_t)(v >> 16);
	to[2] = (uint8_t)(v >> 8);
	to[3] = (uint8_t)v;
}

static size_t
answer(uint8_t *response, uint32_t code)
{
	response[0] = 0x80;
	response[1] = 0x01;
	put_be32(response + 2, HEADER);
	put_be32(response + 6, code);
	return HEADER;
}

/* What the fault makes of the TPM's response; the new length. */
static size_t
mangle(enum fault_kind kind, uint8_t *response, size_t len)
{
	size_t cut = plan.arg < len ? plan.arg : len;

	switch (kind) {
	case FAULT_TRUNCATE:
		len -= cut;
		if (len >= HEADER)
			put_be32(response + 2, (uint32_t)len);
		return len;
	case FAULT_CUT:
		return len - cut;
	case FAULT_TRAIL:
		memset(response + len, 0xa5, plan.arg);
		put_be32(response + 2, (uint32_t)(len + plan.arg));
		return len + plan.arg;
	case FAULT_SIZE:
		put_be32(response + 2, plan.arg);
		return len;
	case FAULT_FLIP:
		response[plan.arg / 8 % len] ^= (uint8_t)(1U << plan.arg % 8);
		return len;
	default:
		return len;
	}
}

static TSS2_RC
hang(enum fault_kind kind, int32_t timeout)
{
	struct timespec pause = { timeout / 1000, timeout % 1000 * 1000000L };

	if (timeout == TSS2_TCTI_TIMEOUT_BLOCK)
		abort(); /* the caller would wait for ever */
	if (kind == FAULT_SLEEP)
		(void)nanosleep(&pause, NULL);
	return TSS2_TCTI_RC_TRY_AGAIN;
}

static TSS2_RC
receive(TSS2_TCTI_CONTEXT *ctx, size_t *size, uint8_t *response, int32_t timeout)
{
	struct fault_tcti *fault = (struct fault_tcti *)ctx;
	uint8_t whole[RESPONSE_MAX + 4096];
	size_t len = RESPONSE_MAX;
	TSS2_RC rc;

	if (fault->now == FAULT_HANG || fault->now == FAULT_SLEEP)
		return hang(fault->now, timeout);
	if (fault->now == FAULT_CODE) {
		len = answer(whole, plan.arg);
	} else {
		rc = Tss2_Tcti_Receive(fault->real, &len, whole, timeout);
		if (rc != TSS2_RC_SUCCESS)
			return rc;
		if (fault->now == FAULT_KILL)
			(void)raise(SIGKILL);
		if (fault->now == FAULT_LOST)
			return TSS2_TCTI_RC_IO_ERROR;
		len = mangle(fault->now, whole, len);
	}
	if (len > *size)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, whole, len);
	*size = len;
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
get_poll_handles(TSS2_TCTI_CONTEXT *ctx, TSS2_TCTI_POLL_HANDLE *handles, size_t *n)
{
	struct fault_tcti *fault = (struct fault_tcti *)ctx;

	if (fault->now != FAULT_NONE)
		return TSS2_TCTI_RC_NOT_IMPLEMENTED;
	return Tss2_Tcti_GetPollHandles(fault->real, handles, n);
}

static void
finalize(TSS2_TCTI_CONTEXT *ctx)
{
	struct fault_tcti *fault = (struct fault_tcti *)ctx;

	Tss2_TctiLdr_Finalize(&fault->real);
	if (fault->lock >= 0)
		(void)close(fault->lock);
}

static enum fault_kind
kind_named(const char *name)
{
	static const char *const NAMES[] = { "none", "code", "truncate", "cut", "trail", "size",
		"flip", "closed", "lost", "kill", "hang", "sleep" };

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
		if (strcmp(name, NAMES[i]) == 0)
			return (enum fault_kind)i;
	abort();
}

static int
take_lock(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		(void)close(fd);
		fd = -1;
		errno = EBUSY;
	}
	return fd;
}

/* NAME=VALUE as long as there are such; the rest is the TCTI to pass on to. */
static char *
parse(char *conf, int *lock)
{
	unsigned int n = 0, times = 1;
	enum fault_kind kind = FAULT_NONE;
	uint32_t arg = 0;
	char *end;

	for (;; conf = end + 1) {
		size_t name = strcspn(conf, "=:,");
		char *value = conf + name + 1;

		end = strchr(conf, ',');
		if (conf[name] != '=' || end == NULL)
			break;
		*end = '\0';
		conf[name] = '\0';
		if (strcmp(conf, "n") == 0)
			n = (unsigned int)strtoul(value, NULL, 0);
		else if (strcmp(conf, "fault") == 0)
			kind = kind_named(value);
		else if (strcmp(conf, "arg") == 0)
			arg = (uint32_t)strtoul(value, NULL, 0);
		else if (strcmp(conf, "times") == 0)
			times = (unsigned int)strtoul(value, NULL, 0);
		else if (strcmp(conf, "lock") == 0)
			*lock = take_lock(value);
		else
			abort();
	}
	/* Not again when the connection is made again. */
	if (kind != FAULT_NONE && plan.at == 0)
		fault_arm(n, kind, arg, times);
	return conf;
}

static TSS2_RC
init(TSS2_TCTI_CONTEXT *ctx, size_t *size, const char *conf)
{
	struct fault_tcti *fault = (struct fault_tcti *)ctx;
	char *copy, *rest;
	int lock = -2;
	TSS2_RC rc;

	*size = sizeof(*fault);
	if (ctx == NULL)
		return TSS2_RC_SUCCESS;
	copy = strdup(conf != NULL ? conf : "");
	if (copy == NULL)
		return TSS2_TCTI_RC_MEMORY;
	rest = parse(copy, &lock);
	memset(fault, 0, sizeof(*fault));
	fault->lock = lock;
	rc = lock == -1 ? TSS2_TCTI_RC_IO_ERROR : Tss2_TctiLdr_Initialize(rest, &fault->real);
	free(copy);
	if (rc != TSS2_RC_SUCCESS) {
		if (lock >= 0)
			(void)close(lock);
		else if (lock == -1)
			errno = EBUSY;
		return rc;
	}
	fault->common.v1.magic = FAULT_MAGIC;
	fault->common.v1.version = 2;
	fault->common.v1.transmit = transmit;
	fault->common.v1.receive = receive;
	fault->common.v1.finalize = finalize;
	fault->common.v1.getPollHandles = get_poll_handles;
	return TSS2_RC_SUCCESS;
}

/* What tctildr looks for in a library. */
EXPORT const TSS2_TCTI_INFO *Tss2_Tcti_Info(void);

const TSS2_TCTI_INFO *
Tss2_Tcti_Info(void)
{
	static const TSS2_TCTI_INFO info = {
		.version = 2,
		.name = "fault",
		.description = "a TPM that does one thing wrong",
		.config_help = "see test/tcti/fault.h",
		.init = init,
	};

	return &info;
}
