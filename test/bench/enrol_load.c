/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many simulated devices (TPMs in software) that enrol at a running CA, over TLS:
 *
 *	enrol_load maker DIR                      makes DIR/maker.pem, for the CA to trust
 *	enrol_load run DIR PORT DEVICES WORKERS   enrols them; prints seconds, repetitions, and the
 *	                                          devices' own processor time in seconds
 *
 * A certificate that was received is a line in DIR/received: device id and certificate in
 * base64. A device whose CA goes away tries again as tpmiot-enroll does, until it has its
 * certificate; what else goes wrong ends the run.
 */
#include "../unit/enrolkit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "../wire/wire.h"

#define RETRY_NS 20000000L
#define LINE_MAX_LEN 4096 /* in DIR/received; one write() each */

struct load {
	struct wire wire;
	struct kit_device *devices;
	size_t devices_n, workers;
	int received; /* file, written to by all workers */
};

static void
die(const char *what)
{
	fprintf(stderr, "enrol_load: %s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
	exit(1);
}

static double
seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static FILE *
open_in(const char *dir, const char *name, const char *mode)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((file = fopen(path, mode)) == NULL)
		die(path);
	return file;
}

/* ---- The TPMs' maker --------------------------------------------------------------- */

static int
make_maker(const char *dir)
{
	struct certkit_spec spec = { .subject = "maker", .extensions = CERTKIT_CA };
	FILE *cert = open_in(dir, "maker.pem", "w"), *key = open_in(dir, "maker.key", "w");
	X509 *maker;

	spec.key = EVP_EC_gen("P-256");
	maker = certkit_issue(&spec);
	if (PEM_write_X509(cert, maker) != 1 ||
	    PEM_write_PrivateKey(key, spec.key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    fclose(cert) != 0 || fclose(key) != 0)
		die(dir);
	X509_free(maker);
	EVP_PKEY_free(spec.key);
	return 0;
}

/* All keys and certificates exist before the clock runs, as they do in devices. */
static void
make_devices(const char *dir, struct load *load)
{
	FILE *cert = open_in(dir, "maker.pem", "r"), *key = open_in(dir, "maker.key", "r");
	X509 *maker = PEM_read_X509(cert, NULL, NULL, NULL);
	EVP_PKEY *maker_key = PEM_read_PrivateKey(key, NULL, NULL, NULL);

	load->devices = calloc(load->devices_n, sizeof(*load->devices));
	if (maker == NULL || maker_key == NULL || load->devices == NULL)
		die(dir);
	kit_link = maker;
	for (size_t i = 0; i < load->devices_n; i++)
		kit_device_make(&load->devices[i], "L-2", maker, maker_key);
	fclose(cert);
	fclose(key);
}

/* ---- One device ---------------------------------------------------------------------- */

/* Whether an answer is one after which a device tries again. */
static bool
try_again(bool answered, const struct wire_answer *answer)
{
	const struct timespec pause = { 0, RETRY_NS };

	if (answered && answer->status != 429 && answer->status != 503)
		return false;
	(void)nanosleep(&pause, NULL);
	return true;
}

/* Posts until there is an answer, over a connection that is made anew when it is lost. */
static void
post(const struct load *load, struct wire_conn *conn, const char *path, const char *text,
    struct wire_answer *out, unsigned *again)
{
	for (;;) {
		bool answered = (conn->ssl != NULL || wire_open(&load->wire, NULL, NULL, conn)) &&
		                wire_post(conn, path, text, strlen(text), out);

		if (!try_again(answered, out))
			return;
		wire_answer_free(out);
		if (!answered)
			wire_close(conn);
		(*again)++;
	}
}

/* Not taken apart here, where it would take the processor from the CA: ca.sh compares it. */
static void
record(const struct load *load, const struct wire_answer *answer)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----\n", end[] = "-----END";
	const char *id = json_string_value(json_object_get(answer->doc, "device_id"));
	const char *pem = json_string_value(json_object_get(answer->doc, "certificate"));
	const char *stop = pem != NULL ? strstr(pem, end) : NULL;
	char line[LINE_MAX_LEN];
	size_t n;

	if (id == NULL || stop == NULL || strncmp(pem, begin, strlen(begin)) != 0 ||
	    strlen(id) + (size_t)(stop - pem) > sizeof(line))
		fail_msg("an answer without device_id or certificate");
	n = (size_t)snprintf(line, sizeof(line), "%s ", id);
	for (const char *p = pem + strlen(begin); p < stop; p++)
		if (*p != '\n')
			line[n++] = *p;
	line[n++] = '\n';
	if (write(load->received, line, n) != (ssize_t)n)
		die("received");
}

static char *
as_text(json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);

	json_decref(body);
	return text;
}

/* How often something had to be repeated. */
static unsigned
enrol(const struct load *load, const struct kit_device *dev)
{
	struct wire_conn conn = { -1, NULL };
	struct wire_answer answer;
	unsigned again = 0;
	int status;
	char *text;

	do {
		text = as_text(kit_attest(dev));
		post(load, &conn, "/v1/attestations", text, &answer, &again);
		free(text);
		if ((status = answer.status) == 200) {
			text = as_text(kit_issue(dev, answer.doc));
			wire_answer_free(&answer);
			post(load, &conn, "/v1/certificates", text, &answer, &again);
			free(text);
			status = answer.status;
		}
		if (status == 200)
			record(load, &answer);
		else if (status != 410)
			fail_msg("%d %s: %s", status, answer.type,
			    json_string_value(json_object_get(answer.doc, "detail")));
		wire_answer_free(&answer);
	} while (status != 200);
	wire_close(&conn);
	return again;
}

/* ---- All of them ----------------------------------------------------------------------- */

static void
work(const struct load *load, size_t worker, int report)
{
	unsigned again = 0;

	for (size_t i = worker; i < load->devices_n; i += load->workers)
		again += enrol(load, &load->devices[i]);
	if (write(report, &again, sizeof(again)) != sizeof(again))
		die("pipe");
	_exit(0);
}

/* Processor time of all workers, which have ended. */
static double
workers_seconds(void)
{
	struct rusage used;

	if (getrusage(RUSAGE_CHILDREN, &used) != 0)
		die("getrusage");
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int
run(const struct load *load)
{
	unsigned again = 0, one;
	int ends[2], status, failed = 0;
	const double began = seconds();

	if (pipe(ends) != 0)
		die("pipe");
	for (size_t i = 0; i < load->workers; i++) {
		const pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0)
			work(load, i, ends[1]);
	}
	close(ends[1]);
	while (wait(&status) > 0)
		failed |= status;
	while (read(ends[0], &one, sizeof(one)) == sizeof(one))
		again += one;
	printf("%.3f %u %.3f\n", seconds() - began, again, workers_seconds());
	return failed != 0;
}

int
main(int argc, char **argv)
{
	struct load load = { .received = -1 };
	char path[512];

	certkit_now = (long)time(NULL);
	if (argc == 3 && strcmp(argv[1], "maker") == 0)
		return make_maker(argv[2]);
	if (argc != 6 || strcmp(argv[1], "run") != 0) {
		fprintf(stderr, "usage: enrol_load maker DIR | run DIR PORT DEVICES WORKERS\n");
		return 2;
	}
	load.devices_n = strtoul(argv[4], NULL, 10);
	load.workers = strtoul(argv[5], NULL, 10);
	snprintf(path, sizeof(path), "%s/received", argv[2]);
	load.received = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
	if (load.received < 0 || !wire_init(&load.wire, (uint16_t)strtoul(argv[3], NULL, 10), NULL))
		die(path);
	signal(SIGPIPE, SIG_IGN);
	make_devices(argv[2], &load);
	return run(&load);
}
