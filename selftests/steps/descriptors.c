// SPDX-License-Identifier: GPL-2.0
/*
 * Victims that read, write and splice a handle of the module.  Each of these calls is one
 * step, so a victim is killed before it, after it, and in its sleep.
 */
#include <linux/ringbuf.h>
#include <poll.h>
#include <sys/ioctl.h>

#include "descriptors.h"

static int descriptor_attach(struct victim *v, uint32_t role)
{
	bool reads = role == RINGBUF_ROLE_READER;
	struct ringbuf_attach attach = { .size = sizeof(attach),
					 .role = role,
					 .policy = reads ? v->a->policy : 0,
					 .policy_timeout = reads ? v->a->policy_timeout : 0,
					 .fd = ringbuf_export(v->a->ring) };

	v->fd = open("/dev/ringbuf", O_RDWR | O_CLOEXEC);
	CHECK(v->fd >= 0);
	CHECK_EQ(0, ioctl(v->fd, RINGBUF_IOC_ATTACH, &attach));
	return 0;
}

/* ---- writers ------------------------------------------------------------------------- */

int descriptor_write(struct victim *v)
{
	SET(v->a->begun, v->a->begun + 1);
	CHECK_EQ(v->length[0], write(v->fd, v->text[0], v->length[0]));
	SET(v->a->committed, v->a->committed + 1);
	return 0;
}

int descriptor_splice_in(struct victim *v)
{
	SET(v->a->begun, v->a->begun + 1);
	CHECK_EQ(v->length[0], splice(v->pipe[0], NULL, v->fd, NULL, v->length[0], 0));
	SET(v->a->committed, v->a->committed + 1);
	return 0;
}

int with_a_descriptor_to_write(struct victim *v)
{
	CHECK(!descriptor_attach(v, RINGBUF_ROLE_WRITER));
	draft(v, 1);
	CHECK(!descriptor_write(v));
	draft(v, 1);
	return be_ready(v);
}

int with_a_descriptor_and_a_pipe(struct victim *v)
{
	CHECK(!with_a_descriptor_to_write(v));
	CHECK_EQ(0, pipe2(v->pipe, O_CLOEXEC));
	CHECK_EQ(v->length[0], write(v->pipe[1], v->text[0], v->length[0]));
	return 0;
}

/* The surviving reader keeps the ring full. */
int with_a_descriptor_of_a_full_ring(struct victim *v)
{
	unsigned int n;

	CHECK(!descriptor_attach(v, RINGBUF_ROLE_WRITER));
	for (n = 0; n < STEPS_SLOTS; n++) {
		draft(v, 1);
		CHECK(!descriptor_write(v));
	}
	draft(v, 1);
	return be_ready(v);
}

/* ---- readers -------------------------------------------------------------------------- */

int with_a_descriptor_of_an_empty_ring(struct victim *v)
{
	CHECK(!descriptor_attach(v, RINGBUF_ROLE_READER));
	CHECK_EQ(0, pipe2(v->pipe, O_CLOEXEC));
	return be_ready(v);
}

/* The driver fills the ring. */
int with_a_descriptor_to_read(struct victim *v)
{
	struct pollfd p = { .events = POLLIN };

	CHECK(!with_a_descriptor_of_an_empty_ring(v));
	p.fd = v->fd;
	CHECK_EQ(1, poll(&p, 1, (int)(HANG_NS / MS)));
	return 0;
}

int descriptor_read(struct victim *v)
{
	ssize_t n = read(v->fd, v->text[0], STEPS_SLOT);

	CHECK(n > 0 || (v->a->policy == RINGBUF_EVICT && errno == EIDRM));
	v->length[0] = n > 0 ? (size_t)n : 0;
	return 0;
}

int descriptor_splice_out(struct victim *v)
{
	CHECK(splice(v->fd, NULL, v->pipe[1], NULL, STEPS_SLOT, 0) > 0 ||
	      (v->a->policy == RINGBUF_EVICT && errno == EIDRM));
	return 0;
}
