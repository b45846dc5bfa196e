// SPDX-License-Identifier: GPL-2.0
/* See metrics.h. */
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge.h"
#include "metrics.h"
#include "servers.h"

#define DEFAULT_HOST "127.0.0.1"
#define CONNECTIONS  16
#define TIMEOUT	     10 /* seconds until a connection on which nothing happens is closed */

struct metrics {
	struct MHD_Daemon *daemon;
};

/* Answer with the @bytes of @text, which the server frees. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned int status, char *text,
			      size_t bytes)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result result;

	if (!r) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
				status == MHD_HTTP_OK ? "text/plain; version=0.0.4; charset=utf-8"
						      : "text/plain");
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result on_request(void *closure, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_bytes, void **state)
{
	unsigned int status = MHD_HTTP_OK;
	size_t bytes = 0;
	char *text = NULL;
	FILE *f;

	(void)closure;
	(void)version;
	(void)data;
	(void)state;
	/* Read the body of a request that has one, to no purpose. */
	if (*data_bytes) {
		*data_bytes = 0;
		return MHD_YES;
	}
	f = open_memstream(&text, &bytes);
	if (!f)
		return MHD_NO;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		status = MHD_HTTP_METHOD_NOT_ALLOWED;
	else if (strcmp(url, "/metrics"))
		status = MHD_HTTP_NOT_FOUND;
	if (status == MHD_HTTP_OK)
		metrics_write(f);
	else
		fprintf(f, "The only page is /metrics.\n");
	if (fclose(f)) {
		free(text);
		return MHD_NO;
	}
	return answer(c, status, text, bytes);
}

/* Cut @address, which is changed, into host and port.  An IPv6 address has brackets. */
static void cut(char *address, const char **host, const char **port)
{
	char *colon = strrchr(address, ':');

	*host = DEFAULT_HOST;
	*port = colon ? colon + 1 : address;
	if (!colon)
		return;
	*colon = '\0';
	*host = address;
	if (*address == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		*host = address + 1;
	}
}

/* getaddrinfo() would take no port and one that is too large for one that is chosen by the kernel.
 */
bool metrics_is_address(const char *address)
{
	const char *colon = strrchr(address, ':');

	return servers_is_port(colon ? colon + 1 : address);
}

/* Return a socket that listens, or -1 after setting @why. */
static int listen_at(const struct addrinfo *a, const char **why)
{
	int yes = 1, fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);

	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) &&
	    !bind(fd, a->ai_addr, a->ai_addrlen) && !listen(fd, CONNECTIONS))
		return fd;
	*why = strerror(errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int listen_to(const char *address, const char **why)
{
	const struct addrinfo want = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
				       .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	char *copy = strdup(address);
	const char *host, *port;
	int err, fd = -1;

	if (!copy) {
		*why = strerror(ENOMEM);
		return -1;
	}
	cut(copy, &host, &port);
	err = getaddrinfo(host, port, &want, &found);
	if (!err)
		fd = listen_at(found, why);
	else
		*why = gai_strerror(err);
	if (found)
		freeaddrinfo(found);
	free(copy);
	return fd;
}

struct metrics *metrics_start(const char *address)
{
	struct metrics *m = calloc(1, sizeof(*m));
	const char *why = strerror(ENOMEM);
	int fd = m ? listen_to(address, &why) : -1;

	if (fd >= 0) {
		m->daemon = MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0,
					     NULL, NULL, on_request, NULL, MHD_OPTION_LISTEN_SOCKET,
					     fd, MHD_OPTION_CONNECTION_LIMIT,
					     (unsigned int)CONNECTIONS,
					     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)TIMEOUT,
					     MHD_OPTION_END);
		if (m->daemon)
			return m;
		why = "the web server does not start";
		close(fd);
	}
	bridge_say("--metrics=%s: %s", address, why);
	free(m);
	return NULL;
}

void metrics_stop(struct metrics *m)
{
	if (m)
		MHD_stop_daemon(m->daemon);
	free(m);
}
