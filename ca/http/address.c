/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum tpmiot_rc
ca_address_resolve(
    const char *key, const char *listen, struct addrinfo **out, struct tpmiot_err *err)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(listen, ':'), *host = listen;
	char copy[256], *end = NULL;
	size_t len;
	int rc;

	len = colon != NULL ? (size_t)(colon - listen) : 0;
	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (colon == NULL || len >= sizeof(copy) || strtoul(colon + 1, &end, 10) > UINT16_MAX ||
	    end == colon + 1 || *end != '\0')
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "%s = %s: this is not ADDR:PORT; for example 0.0.0.0:8443 or [::]:8443", key,
		    listen);
	memcpy(copy, host, len);
	copy[len] = '\0';
	rc = getaddrinfo(len > 0 ? copy : NULL, colon + 1, &hints, out);
	if (rc != 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "%s = %s: %s", key, listen, gai_strerror(rc));
	return TPMIOT_OK;
}

void
ca_address_url(const char *scheme, const char *listen, int fd, char *out, size_t size)
{
	const char *colon = listen != NULL ? strrchr(listen, ':') : NULL;
	char host[INET6_ADDRSTRLEN] = "";
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	in_port_t port;

	getsockname(fd, (struct sockaddr *)&ss, &len);
	port = ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
	                                : ((struct sockaddr_in *)&ss)->sin_port;
	if (colon != NULL)
		snprintf(
		    out, size, "%s://%.*s:%u", scheme, (int)(colon - listen), listen, ntohs(port));
	else if (getnameinfo(
	             (struct sockaddr *)&ss, len, host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0)
		snprintf(out, size, strchr(host, ':') != NULL ? "%s://[%s]:%u" : "%s://%s:%u",
		    scheme, host, ntohs(port));
}
