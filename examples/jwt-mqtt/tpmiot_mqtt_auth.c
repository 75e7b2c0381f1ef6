/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin for mosquitto 2: the MQTT user name is a device's id, and its password a JSON Web
 * Token, which `tpmiot-ca token verify` holds against the registry. In mosquitto.conf:
 *
 *	plugin /path/to/tpmiot_mqtt_auth.so
 *	plugin_opt_ca_dir /var/lib/tpmiot-ca
 *	plugin_opt_audience my-broker
 *	plugin_opt_command /usr/bin/tpmiot-ca
 *	plugin_opt_recheck 60
 *
 * It asks at login; and again, with the token of that login, when a message goes to or comes from a
 * connection that was not asked about for `recheck` seconds (60 unless it is said). Where the
 * answer is no by now (token or certificate ended, device blocked, key revoked), the connection is
 * cut. Each answer takes some ten milliseconds, in which the broker does nothing else.
 *
 *	cc -shared -fPIC -O2 -o tpmiot_mqtt_auth.so tpmiot_mqtt_auth.c
 */
#define _GNU_SOURCE /* pipe2() */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

extern char **environ;

#define RECHECK_DEFAULT 60
#define TOKEN_MAX 8192 /* what is longer is not asked about, nor what has no dot */
#define PATIENCE 5     /* seconds for one answer */
#define STEP 2000000L  /* nanoseconds between two looks */

/* A login that was let in. */
struct connection {
	struct mosquitto *client;
	char *user;
	char *token;
	time_t asked;
	enum { GOOD, OVER, CUT } state;
	struct connection *next;
};

struct plugin {
	mosquitto_plugin_id_t *id;
	struct connection *connections;
	time_t recheck;
	char *command;
	char *dir;      /* "--dir=…" */
	char *audience; /* "--audience=…" */
};

/* ---- One question ------------------------------------------------------------- */

/* Starts `tpmiot-ca token verify`, whose stdin is the pipe's reading end. */
static int
start(const struct plugin *plugin, const char *user, int pipe_fds[2], pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	char device[128];
	char *argv[] = { plugin->command, plugin->dir, "token", "verify", plugin->audience, device,
		NULL };
	int rc;

	if (snprintf(device, sizeof(device), "--device-id=%s", user) >= (int)sizeof(device))
		return -1;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	rc = posix_spawn_file_actions_adddup2(&actions, pipe_fds[0], STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn(pid, plugin->command, &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc == 0 ? 0 : -1;
}

/* mosquitto ignores SIGPIPE: a program that ends early is an error here. */
static void
send_token(int fd, const char *token)
{
	size_t left = strlen(token);
	ssize_t n;

	while (left > 0) {
		n = write(fd, token, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		token += n;
		left -= (size_t)n;
	}
}

static time_t
now(void)
{
	struct timespec t = { 0, 0 };

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Its exit code; -1: killed, by whomever. */
static int
end_of(pid_t pid)
{
	const struct timespec step = { 0, STEP };
	const time_t until = now() + PATIENCE;
	int status = 0;
	pid_t got;

	while ((got = waitpid(pid, &status, WNOHANG)) == 0 && now() <= until)
		(void)nanosleep(&step, NULL);
	if (got == 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
	}
	return got == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Whether the token is this device's. Nothing but exit code 0 is a yes. */
static int
verify(const struct plugin *plugin, const char *user, const char *token)
{
	int pipe_fds[2], started;
	pid_t pid = -1;

	if (strlen(token) > TOKEN_MAX || strchr(token, '.') == NULL ||
	    pipe2(pipe_fds, O_CLOEXEC) != 0)
		return 0;
	started = start(plugin, user, pipe_fds, &pid);
	(void)close(pipe_fds[0]);
	if (started == 0)
		send_token(pipe_fds[1], token);
	(void)close(pipe_fds[1]);
	return started == 0 && end_of(pid) == 0;
}

/* ---- Connections ----------------------------------------------------------------- */

/* Where the connection stands in the list, or the list's end. */
static struct connection **
find(struct plugin *plugin, const struct mosquitto *client)
{
	struct connection **at = &plugin->connections;

	while (*at != NULL && (*at)->client != client)
		at = &(*at)->next;
	return at;
}

static void
forget(struct plugin *plugin, const struct mosquitto *client)
{
	struct connection **at = find(plugin, client), *old = *at;

	if (old == NULL)
		return;
	*at = old->next;
	free(old->user);
	free(old->token);
	free(old);
}

static int
remember(struct plugin *plugin, struct mosquitto *client, const char *user, const char *token)
{
	struct connection *made = calloc(1, sizeof(*made));

	forget(plugin, client);
	if (made == NULL)
		return MOSQ_ERR_NOMEM;
	made->client = client;
	made->user = strdup(user);
	made->token = strdup(token);
	made->asked = now();
	made->next = plugin->connections;
	plugin->connections = made;
	if (made->user != NULL && made->token != NULL)
		return MOSQ_ERR_SUCCESS;
	forget(plugin, client);
	return MOSQ_ERR_NOMEM;
}

/* Whether it may go on. */
static int
is_good(const struct plugin *plugin, struct connection *c)
{
	if (c->state == GOOD && now() - c->asked >= plugin->recheck) {
		c->asked = now();
		if (!verify(plugin, c->user, c->token))
			c->state = OVER;
	}
	return c->state == GOOD;
}

/* ---- What mosquitto calls -------------------------------------------------------- */

static int
basic_auth(int event, void *data, void *userdata)
{
	const struct mosquitto_evt_basic_auth *auth = data;

	(void)event;
	if (auth->username == NULL || auth->password == NULL)
		return MOSQ_ERR_AUTH;
	if (verify(userdata, auth->username, auth->password))
		return remember(userdata, auth->client, auth->username, auth->password);
	mosquitto_log_printf(MOSQ_LOG_NOTICE, "tpmiot: refused the token of %s from %s",
	    auth->username, mosquitto_client_address(auth->client));
	return MOSQ_ERR_AUTH;
}

/*
 * Which topics are the device's is the acl_file's to say, which mosquitto asks only where the
 * plugin leaves that to others: a yes from here would be the last word. Who is not in the list did
 * not log in here: with a certificate, or not now (a session that messages are kept for, and who
 * fetches them logs in).
 */
static int
acl_check(int event, void *data, void *userdata)
{
	const struct mosquitto_evt_acl_check *acl = data;
	struct connection *c = *find(userdata, acl->client);

	(void)event;
	return c == NULL || is_good(userdata, c) ? MOSQ_ERR_PLUGIN_DEFER : MOSQ_ERR_ACL_DENIED;
}

static int
disconnected(int event, void *data, void *userdata)
{
	const struct mosquitto_evt_disconnect *gone = data;

	(void)event;
	forget(userdata, gone->client);
	return MOSQ_ERR_SUCCESS;
}

static struct connection *
first_over(const struct plugin *plugin)
{
	struct connection *c = plugin->connections;

	while (c != NULL && c->state != OVER)
		c = c->next;
	return c;
}

/* Not in acl_check(): there the broker goes through its subscriptions. */
static int
tick(int event, void *data, void *userdata)
{
	struct connection *c;

	(void)event;
	(void)data;
	while ((c = first_over(userdata)) != NULL) {
		c->state = CUT;
		mosquitto_log_printf(
		    MOSQ_LOG_NOTICE, "tpmiot: the token of %s is good no longer", c->user);
		(void)mosquitto_kick_client_by_clientid(mosquitto_client_id(c->client), true);
	}
	return MOSQ_ERR_SUCCESS;
}

static const struct {
	int event;
	MOSQ_FUNC_generic_callback call;
} callbacks[] = {
	{ MOSQ_EVT_BASIC_AUTH, basic_auth },
	{ MOSQ_EVT_ACL_CHECK, acl_check },
	{ MOSQ_EVT_DISCONNECT, disconnected },
	{ MOSQ_EVT_TICK, tick },
};
#define N_CALLBACKS (sizeof(callbacks) / sizeof(callbacks[0]))

/* The value of an option, with `prefix` in front; NULL if it is missing. */
static char *
option(const struct mosquitto_opt *options, int n, const char *key, const char *prefix)
{
	char *out = NULL;
	int i;

	for (i = 0; i < n && out == NULL; i++)
		if (strcmp(options[i].key, key) == 0 &&
		    (out = malloc(strlen(prefix) + strlen(options[i].value) + 1)) != NULL)
			(void)strcat(strcpy(out, prefix), options[i].value);
	if (out == NULL)
		mosquitto_log_printf(MOSQ_LOG_ERR, "tpmiot: plugin_opt_%s is missing", key);
	return out;
}

int
mosquitto_plugin_version(int n, const int *versions)
{
	int i;

	for (i = 0; i < n; i++)
		if (versions[i] == 5)
			return 5;
	return -1;
}

int
mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int n)
{
	struct plugin *plugin = userdata;
	size_t i;

	(void)options;
	(void)n;
	if (plugin == NULL)
		return MOSQ_ERR_SUCCESS;
	for (i = 0; plugin->id != NULL && i < N_CALLBACKS; i++)
		(void)mosquitto_callback_unregister(
		    plugin->id, callbacks[i].event, callbacks[i].call, NULL);
	while (plugin->connections != NULL)
		forget(plugin, plugin->connections->client);
	free(plugin->command);
	free(plugin->dir);
	free(plugin->audience);
	free(plugin);
	return MOSQ_ERR_SUCCESS;
}

int
mosquitto_plugin_init(
    mosquitto_plugin_id_t *id, void **userdata, struct mosquitto_opt *options, int n)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));
	int rc = MOSQ_ERR_SUCCESS, at;
	size_t i;

	if (plugin == NULL)
		return MOSQ_ERR_NOMEM;
	plugin->command = option(options, n, "command", "");
	plugin->dir = option(options, n, "ca_dir", "--dir=");
	plugin->audience = option(options, n, "audience", "--audience=");
	if (plugin->command == NULL || plugin->dir == NULL || plugin->audience == NULL) {
		(void)mosquitto_plugin_cleanup(plugin, NULL, 0);
		return MOSQ_ERR_INVAL;
	}
	plugin->recheck = RECHECK_DEFAULT;
	for (at = 0; at < n; at++)
		if (strcmp(options[at].key, "recheck") == 0)
			plugin->recheck = atol(options[at].value);
	plugin->id = id;
	*userdata = plugin;
	for (i = 0; rc == MOSQ_ERR_SUCCESS && i < N_CALLBACKS; i++)
		rc = mosquitto_callback_register(
		    id, callbacks[i].event, callbacks[i].call, NULL, plugin);
	return rc;
}
