// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Places that were attached and not used yet.
 *
 * Such a handle may be meant for a child that has not touched it: it has to
 * live as long as any process has it.  A bound AF_UNIX socket does: children
 * inherit it, and its abstract name goes with the last copy.  Everybody in the
 * same network namespace can ask whether the name is there by connecting.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "embedded.h"

static socklen_t keep_name(struct sockaddr_un *sa, const struct ringbuf *ring,
			   const struct emb_place *place)
{
	int n;

	memset(sa, 0, sizeof(*sa));
	sa->sun_family = AF_UNIX;
	n = snprintf(sa->sun_path + 1, sizeof(sa->sun_path) - 1, "ringbuf-%016llx-%zu-%u",
		     (unsigned long long)ring->header->secret,
		     (size_t)(place - ring->header->place), place->generation);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static u64 net_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
}

/* A descriptor that keeps @place alive, to be closed by every process that has it. */
int emb_keep(const struct ringbuf *ring, struct emb_place *place)
{
	struct sockaddr_un sa;
	socklen_t len = keep_name(&sa, ring, place);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&sa, len)) {
		int err = -errno;

		close(fd);
		return err;
	}
	place->net = net_namespace();
	return fd;
}

/* Whether some process has the descriptor; true also where one cannot tell. */
bool emb_kept(const struct ringbuf *ring, const struct emb_place *place)
{
	struct sockaddr_un sa;
	socklen_t len = keep_name(&sa, ring, place);
	bool kept;
	int fd;

	if (place->net != net_namespace())
		return true;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true;
	kept = !connect(fd, (struct sockaddr *)&sa, len) || errno != ECONNREFUSED;
	close(fd);
	return kept;
}
