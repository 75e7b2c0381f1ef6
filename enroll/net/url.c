/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "enroll/net/url.h"

static bool
has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	CURLUcode code = curl_url_get(url, part, &text, 0);

	curl_free(text);
	return code == CURLUE_OK;
}

static enum tpmiot_rc
check_scheme(CURLU *url, const char *server, struct tpmiot_err *err)
{
	char *scheme = NULL;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--server=%s names no scheme; write https://%s", server, server);
	else if (strcmp(scheme, "http") == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--server=%s: http:// proves nothing about who answers, and shows the join "
		    "token to everybody on the way; use https://",
		    server);
	else if (strcmp(scheme, "https") != 0)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--server=%s: only https:// is spoken", server);
	curl_free(scheme);
	return rc;
}

enum tpmiot_rc
enroll_url_check(const char *server, struct tpmiot_err *err)
{
	CURLU *url = curl_url();
	enum tpmiot_rc rc;

	if (url == NULL)
		return tpmiot_err_memory(err);
	if (curl_url_set(url, CURLUPART_URL, server, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		rc = strstr(server, "://") == NULL
		         ? tpmiot_err_set(err, TPMIOT_E_USAGE,
		               "--server=%s names no scheme; write https://%s", server, server)
		         : tpmiot_err_set(err, TPMIOT_E_USAGE,
		               "--server=%s is no URL; https://HOST[:PORT] is what is wanted",
		               server);
	else
		rc = check_scheme(url, server, err);
	if (rc == TPMIOT_OK &&
	    (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) ||
	        has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT)))
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--server: user, query and fragment have no place in it; "
		    "https://HOST[:PORT][/PATH] is what is wanted");
	curl_url_cleanup(url);
	return rc;
}

static bool
same_part(CURLU *a, CURLU *b, CURLUPart part)
{
	char *one = NULL, *other = NULL;
	bool same = curl_url_get(a, part, &one, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	            curl_url_get(b, part, &other, CURLU_DEFAULT_PORT) == CURLUE_OK;

	if (same && part == CURLUPART_PATH) {
		size_t n = strlen(one), m = strlen(other);

		while (n > 0 && one[n - 1] == '/')
			n--;
		while (m > 0 && other[m - 1] == '/')
			m--;
		same = n == m && memcmp(one, other, n) == 0;
	} else if (same) {
		same = strcasecmp(one, other) == 0;
	}
	curl_free(one);
	curl_free(other);
	return same;
}

bool
enroll_url_same(const char *a, const char *b)
{
	CURLU *one = curl_url(), *other = curl_url();
	bool same = one != NULL && other != NULL &&
	            curl_url_set(one, CURLUPART_URL, a, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	            curl_url_set(other, CURLUPART_URL, b, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
	            same_part(one, other, CURLUPART_SCHEME) &&
	            same_part(one, other, CURLUPART_HOST) &&
	            same_part(one, other, CURLUPART_PORT) && same_part(one, other, CURLUPART_PATH);

	curl_url_cleanup(one);
	curl_url_cleanup(other);
	return same;
}
