// SPDX-License-Identifier: GPL-2.0
/*
 * Names that come and go while other processes look for them: open(O_CREAT), the last close,
 * unlink, rename, mkfifo, and mkdir and rmdir of their folder, all at once.
 *
 * Each call may fail only with the errors that the race allows, the kernel must report no
 * fault, and at the end no name, no file and no memory must be left.
 */
#include "../harness/harness.h"

#include <sys/random.h>

#include "../harness/mounted.h"

#define FOLDER MOUNTED "/folder"

static const char *const names[] = { FOLDER "/a", FOLDER "/b", MOUNTED "/c", MOUNTED "/d" };

struct racer {
	unsigned int seed;
	int held[3]; /* handles that this process keeps for a while; -1: none */
};

static unsigned int chance(struct racer *r, unsigned int n)
{
	return (unsigned int)rand_r(&r->seed) / 64 % n;
}

static const char *any_name(struct racer *r)
{
	return names[chance(r, ARRAY_SIZE(names))];
}

/*
 * Return 0 if @err of the call @what is no error or in the list @allowed, which ends in 0; else 1.
 */
static int check(const char *what, int err, const int *allowed)
{
	if (err >= 0)
		return 0;
	for (; *allowed; allowed++)
		if (err == -*allowed)
			return 0;
	fprintf(stderr, "# %s: %s\n", what, strerror(-err));
	return 1;
}

#define RACES(call, ...) check(#call, call, (const int[]){ __VA_ARGS__, 0 })
#define ERRNO(call)	 ((call) ? -errno : 0)

/* Make a random call on a new handle, and close it now or later.  Return the number of errors. */
static int use(struct racer *r, int fd)
{
	unsigned int at = chance(r, ARRAY_SIZE(r->held));
	char text[8] = "text";
	int bad = 0, unused;

	if (fd < 0)
		return 0;
	/*
	 * Other processes may wait for handles that this one holds, so it must not sleep itself.
	 */
	nonblock(fd);
	switch (chance(r, 4)) {
	case 0:
		bad = RACES(create_call(fd, 0, 64, 4), EEXIST, EBUSY, EBADFD, EACCES, ESTALE);
		break;
	case 1:
		bad = RACES((int)write(fd, text, 4) < 0 ? -errno : 0, EBADF, EBADFD, EAGAIN, ESTALE,
			    EMSGSIZE);
		break;
	case 2:
		unused = observer_open(fd);
		close(unused);
		break;
	}
	if (r->held[at] >= 0)
		close(r->held[at]);
	r->held[at] = fd;
	if (chance(r, 2)) {
		close(fd);
		r->held[at] = -1;
	}
	return bad;
}

static void let_go(struct racer *r)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(r->held); i++) {
		if (r->held[i] >= 0)
			close(r->held[i]);
		r->held[i] = -1;
	}
}

static int opens(struct racer *r)
{
	const char *name = any_name(r);
	int fd, bad;

	switch (chance(r, 6)) {
	case 0:
		fd = file_open(name, O_RDWR | O_CREAT);
		bad = RACES(fd, ENOENT);
		break;
	case 1:
		fd = file_open(name, O_RDWR | O_CREAT | O_EXCL);
		bad = RACES(fd, ENOENT, EEXIST);
		break;
	case 2:
		fd = file_open(name, O_WRONLY | O_CREAT | O_NONBLOCK);
		bad = RACES(fd, ENOENT, ENXIO);
		break;
	case 3:
		/*
		 * This open may wait for the maker of the file, so hold nothing that it waits for.
		 */
		let_go(r);
		fd = file_open(name, O_WRONLY | O_CREAT);
		bad = RACES(fd, ENOENT);
		break;
	case 4:
		fd = file_open(name, O_RDONLY | O_NONBLOCK);
		bad = RACES(fd, ENOENT, ENXIO);
		break;
	default:
		let_go(r);
		fd = file_open(name, O_RDONLY);
		bad = RACES(fd, ENOENT);
		break;
	}
	return bad + use(r, fd);
}

static int one_step(struct racer *r)
{
	const char *from = any_name(r), *to = any_name(r);

	switch (chance(r, 16)) {
	case 0:
		return RACES(ERRNO(unlink(from)), ENOENT);
	case 1:
		return RACES(ERRNO(rename(from, to)), ENOENT);
	case 2:
		return RACES(ERRNO(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE)),
			     ENOENT);
	case 3:
		return RACES(ERRNO(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE)),
			     ENOENT, EEXIST);
	case 4:
		return RACES(ERRNO(mkdir(FOLDER, 0700)), EEXIST);
	case 5:
		return RACES(ERRNO(rmdir(FOLDER)), ENOENT, ENOTEMPTY);
	case 6:
		return RACES(ERRNO(mkfifo(from, 0600)), ENOENT, EEXIST);
	case 7:
		return RACES(ERRNO(chmod(from, 0640)), ENOENT);
	default:
		return opens(r);
	}
}

static int races(void *arg)
{
	struct racer r = { .seed = *(unsigned int *)arg, .held = { -1, -1, -1 } };
	uint64_t end = now_ns() + 2 * SECOND, steps;
	int bad = 0;

	for (steps = 0; now_ns() < end && !bad; steps++)
		bad = one_step(&r);
	let_go(&r);
	if (bad)
		fprintf(stderr, "# after %llu steps\n", (unsigned long long)steps);
	return bad;
}

/*
 * Remove what may be left: rings that were made kept, and the folder.  Return the number of
 * errors.
 */
static int tidy_up(void)
{
	unsigned int i;
	int err, bad = 0;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		/* Opening a name that leads to a fleeting ring without handles would succeed. */
		int fd = file_open(names[i], O_RDONLY | O_NONBLOCK);

		bad += RACES(fd, ENOENT);
		close(fd);
		err = ERRNO(unlink(names[i]));
		bad += check("unlink", err, (const int[]){ ENOENT, 0 });
	}
	return bad + RACES(ERRNO(rmdir(FOLDER)), ENOENT);
}

FIXTURE(filerace)
{
	uint64_t before;
};

FIXTURE_SETUP(filerace)
{
	if (!mounts_private())
		SKIP(return, "needs root, to mount");
	self->before = bytes_left();
	ASSERT_EQ(0, rings_mount("slot_bytes=64,slot_count=4"));
}

FIXTURE_TEARDOWN(filerace)
{
	/* The file of a removed name may be freed a little later. */
	UNTIL(nothing_left(MOUNTED));
	UNTIL(!rings_umount(0));
	EXPECT_EQ(self->before, bytes_left());
}

TEST_F(filerace, calls_on_names_that_come_and_go_give_only_their_errors)
{
	unsigned int seed[4], i;
	pid_t pid[ARRAY_SIZE(seed)];

	ASSERT_EQ(sizeof(seed), getrandom(seed, sizeof(seed), 0));
	for (i = 0; i < ARRAY_SIZE(seed); i++)
		pid[i] = child_start(races, &seed[i]);
	for (i = 0; i < ARRAY_SIZE(seed); i++) {
		EXPECT_EQ(0, child_end(pid[i]))
		TH_LOG("seed %u", seed[i]);
	}
	EXPECT_EQ(0, tidy_up());
}

/* ---- one name, as shells use it: > and < ------------------------------------------------- */

#define LOG MOUNTED "/log"

/* Open the name as a shell does for "> log", which must always find or make the ring. */
static int makes_and_closes(void *arg)
{
	uint64_t end = now_ns() + 2 * SECOND, n;

	(void)arg;
	for (n = 0; now_ns() < end; n++) {
		int fd = file_open(LOG, O_WRONLY | O_CREAT | O_TRUNC);

		CHECK_EQ(0, fd < 0 ? fd : 0);
		close(fd);
	}
	return 0;
}

/* Open the name for both, and set the geometry every second time. */
static int makes_with_a_geometry(void *arg)
{
	uint64_t end = now_ns() + 2 * SECOND, n;

	(void)arg;
	for (n = 0; now_ns() < end; n++) {
		int fd = file_open(LOG, O_RDWR | O_CREAT), err = 0;

		CHECK_EQ(0, fd < 0 ? fd : 0);
		if (n % 2)
			err = create_call(fd, 0, 64, 4);
		CHECK(!err || err == -EEXIST || err == -EBUSY);
		close(fd);
	}
	return 0;
}

static int reads_if_it_is_there(void *arg)
{
	uint64_t end = now_ns() + 2 * SECOND;

	(void)arg;
	while (now_ns() < end) {
		int fd = file_open(LOG, O_RDONLY);

		CHECK_EQ(0, fd < 0 && fd != -ENOENT ? fd : 0);
		close(fd);
	}
	return 0;
}

TEST_F(filerace, name_that_all_make_and_drop_is_gone_at_the_end)
{
	int (*const bodies[])(void *) = { makes_and_closes, makes_and_closes, makes_with_a_geometry,
					  reads_if_it_is_there };
	pid_t pid[ARRAY_SIZE(bodies)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pid); i++)
		pid[i] = child_start(bodies[i], NULL);
	for (i = 0; i < ARRAY_SIZE(pid); i++)
		EXPECT_EQ(0, child_end(pid[i]));
	EXPECT_FALSE(there(LOG));
}

DEVICE_HARNESS_MAIN
