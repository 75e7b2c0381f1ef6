/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin for mosquitto 2: the MQTT user name is a device's id, and its password a JSON Web
 * Token, which `tpmiot-ca token verify` holds against the registry. In mosquitto.conf:
 *
 *	plugin /path/to/tpmiot_mqtt_auth.so
 *	plugin_opt_ca_dir /var/lib/tpmiot-ca
 *	plugin_opt_audience my-broker
 *	plugin_opt_command /usr/bin/tpmiot-ca
 *
 * It asks once for each connection and waits for the answer, some ten milliseconds, in which the
 * broker does nothing else.
 *
 *	cc -shared -fPIC -O2 -o tpmiot_mqtt_auth.so tpmiot_mqtt_auth.c
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

extern char **environ;

struct plugin {
	mosquitto_plugin_id_t *id;
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
		rc = posix_spawn_file_actions_addclose(&actions, pipe_fds[1]);
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

/* Whether the token is this device's. Nothing but exit code 0 is a yes. */
static int
verify(const struct plugin *plugin, const char *user, const char *token)
{
	int pipe_fds[2], status = -1, started;
	pid_t pid = -1;

	if (pipe(pipe_fds) != 0)
		return 0;
	started = start(plugin, user, pipe_fds, &pid);
	(void)close(pipe_fds[0]);
	if (started == 0)
		send_token(pipe_fds[1], token);
	(void)close(pipe_fds[1]);
	if (started != 0)
		return 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
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
		return MOSQ_ERR_SUCCESS;
	mosquitto_log_printf(MOSQ_LOG_NOTICE, "tpmiot: refused the token of %s from %s",
	    auth->username, mosquitto_client_address(auth->client));
	return MOSQ_ERR_AUTH;
}

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

	(void)options;
	(void)n;
	if (plugin == NULL)
		return MOSQ_ERR_SUCCESS;
	if (plugin->id != NULL)
		(void)mosquitto_callback_unregister(
		    plugin->id, MOSQ_EVT_BASIC_AUTH, basic_auth, NULL);
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

	if (plugin == NULL)
		return MOSQ_ERR_NOMEM;
	plugin->command = option(options, n, "command", "");
	plugin->dir = option(options, n, "ca_dir", "--dir=");
	plugin->audience = option(options, n, "audience", "--audience=");
	if (plugin->command == NULL || plugin->dir == NULL || plugin->audience == NULL) {
		(void)mosquitto_plugin_cleanup(plugin, NULL, 0);
		return MOSQ_ERR_INVAL;
	}
	plugin->id = id;
	*userdata = plugin;
	return mosquitto_callback_register(id, MOSQ_EVT_BASIC_AUTH, basic_auth, NULL, plugin);
}
