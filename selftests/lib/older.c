// SPDX-License-Identifier: GPL-2.0
/* A module that is older than the library, and lacks features that the library knows. */
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/ringbuf.h>

#include "../harness/harness.h"
#include "../harness/rings.h"

static const struct ringbuf_config plain = {
	.size = sizeof(plain),
	.slot_bytes = 100,
	.slot_count = 10,
	.host = RINGBUF_HOST_MODULE,
};

/* What an older module says to @request, whose fields for fences and policies it reserves. */
static int older_error(unsigned long request, const void *arg)
{
	const struct ringbuf_create *c = arg;
	const struct ringbuf_attach *a = arg;

	if (request == RINGBUF_IOC_CREATE)
		return c->policy ? EINVAL : c->claim_timeout ? E2BIG : 0;
	if (request == RINGBUF_IOC_ATTACH)
		return a->policy || a->flags ? EINVAL : 0;
	return 0;
}

/* Stands in for ioctl(2) in the library as well: make the module an older one. */
int ioctl(int fd, unsigned long request, ...)
{
	struct ringbuf_features *features;
	va_list list;
	void *arg;
	long ret;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	errno = older_error(request, arg);
	if (errno)
		return -1;
	ret = syscall(SYS_ioctl, fd, request, arg);
	if (!ret && request == RINGBUF_IOC_FEATURES) {
		features = arg;
		features->features &= ~(RINGBUF_FEAT_FENCE | RINGBUF_FEAT_POLICY);
	}
	return (int)ret;
}

static int create(const struct ringbuf_config *config)
{
	struct ringbuf *ring = NULL;
	int err = ringbuf_create(config, &ring);

	ringbuf_close(ring);
	return err;
}

static bool module_missing(void)
{
	return create(&plain) == -ENOENT;
}

TEST(ring_that_needs_a_newer_module_is_not_supported)
{
	struct ringbuf_config config = plain;

	if (module_missing())
		SKIP(return, "there is no /dev/ringbuf");
	EXPECT_EQ(0, create(&config));
	config.policy = RINGBUF_EVICT;
	config.policy_timeout = 1000000000;
	EXPECT_EQ(-EOPNOTSUPP, create(&config));
	config.claim_timeout = 1000000000;
	EXPECT_EQ(-EOPNOTSUPP, create(&config));
	config.policy = RINGBUF_BLOCK;
	config.policy_timeout = 0;
	EXPECT_EQ(-EOPNOTSUPP, create(&config));
	config.claim_timeout = 0;
	config.max_readers = 4097;
	EXPECT_EQ(-EINVAL, create(&config));
}

TEST(reader_that_needs_a_newer_module_is_not_supported)
{
	const struct ringbuf_policy policy = { .size = sizeof(policy), .kind = RINGBUF_LOSSY };
	struct ringbuf_reader *reader = NULL;
	struct ringbuf *ring;

	if (module_missing())
		SKIP(return, "there is no /dev/ringbuf");
	ASSERT_EQ(0, ringbuf_create(&plain, &ring));
	EXPECT_EQ(-EOPNOTSUPP,
		  ringbuf_reader_attach_policy(ring, RINGBUF_FROM_HEAD, 0, &policy, &reader));
	EXPECT_EQ(0, ringbuf_reader_attach(ring, RINGBUF_FROM_HEAD, 0, &reader));
	ringbuf_reader_close(reader);
	ringbuf_close(ring);
}

LIB_HARNESS_MAIN
