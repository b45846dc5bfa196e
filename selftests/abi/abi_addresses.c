// SPDX-License-Identifier: GPL-2.0
/*
 * No address of the kernel reaches user space: not in what a call returns, not in shared memory,
 * not in a text of /proc or /sys, not in the kernel's log.
 */
#include "../harness/harness.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <sys/klog.h>

#include "../harness/child.h"
#include "../harness/device.h"
#include "../harness/mounted.h"

#define SLOTS	4
#define PATH	RINGS "/selftest-addresses"
#define READERS 4
#define WRITERS 4

/* Above all addresses of user space, and below small negative numbers. */
static bool is_address(uint64_t value)
{
	return value >= 0xffff000000000000ULL && value < 0xffffffffffff0000ULL;
}

/* How many 8 bytes, at a multiple of 8, could be an address. */
static unsigned int addresses(const void *memory, size_t bytes)
{
	const char *p = memory;
	unsigned int n = 0;
	uint64_t value;
	size_t i;

	for (i = 0; i + sizeof(value) <= bytes; i += sizeof(value)) {
		memcpy(&value, p + i, sizeof(value));
		if (is_address(value)) {
			ksft_print_msg("%#llx at byte %zu\n", (unsigned long long)value, i);
			n++;
		}
	}
	return n;
}

/* How many numbers of 16 hexadecimal digits in @text could be an address. */
static unsigned int addresses_written(const char *text)
{
	unsigned int n = 0;

	while (*text) {
		size_t digits = strspn(text, "0123456789abcdefABCDEF");

		if (digits == 16 && is_address(strtoull(text, NULL, 16))) {
			ksft_print_msg("%.16s\n", text);
			n++;
		}
		text += digits ? digits : 1;
	}
	return n;
}

static unsigned int addresses_in_file(const char *path)
{
	static char text[1 << 20];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	text[n] = 0;
	if (f)
		fclose(f);
	return addresses_written(text);
}

/* A ring in which something has happened: messages, a hole, a sleeping reader, an evicted one. */
FIXTURE(addresses)
{
	int owner;
	int writer;
	int reader;
	struct maps w;
	struct maps r;
	pid_t waiter;
};

static int die_with_a_claim(void *arg)
{
	struct maps m;

	CHECK_EQ(0, maps_open(&m, writer_open(*(int *)arg)));
	claim_by_hand(&m, 1, 1);
	raise(SIGKILL);
	return 0;
}

static int sleep_for_a_message(void *arg)
{
	int fd = reader_open(*(int *)arg);

	CHECK_EQ(0, wait_call(fd, SLOTS, NEVER));
	return 0;
}

FIXTURE_SETUP(addresses)
{
	int evicted;

	self->owner = file_make(PATH, 0, 64, SLOTS);
	ASSERT_LE(0, self->owner);
	self->writer = writer_open(self->owner);
	self->reader = reader_open(self->owner);
	evicted = reader_open(self->owner);
	ASSERT_OK(maps_open(&self->w, self->writer));
	ASSERT_OK(maps_open(&self->r, self->reader));
	ASSERT_OK(put(self->writer, 1));
	ASSERT_EQ(128 + SIGKILL, child_run(die_with_a_claim, &self->owner));
	ASSERT_OK(put(self->writer, 2));
	ASSERT_OK(evict_call(self->owner, 1));
	self->waiter = child_start(sleep_for_a_message, &self->owner);
	ASSERT_TRUE(task_asleep(self->waiter));
	close(evicted);
}

FIXTURE_TEARDOWN(addresses)
{
	child_kill(self->waiter);
	maps_close(&self->r);
	maps_close(&self->w);
	close(self->reader);
	close(self->writer);
	close(self->owner);
	unlink(PATH);
}

TEST_F(addresses, not_in_what_calls_return)
{
	struct ringbuf_reader_stats readers[READERS] = { 0 };
	struct ringbuf_writer_stats writers[WRITERS] = { 0 };
	struct ringbuf_stats stats = { .size = sizeof(stats),
				       .count = READERS,
				       .reader_size = sizeof(*readers),
				       .writer_count = WRITERS,
				       .writer_size = sizeof(*writers) };
	struct ringbuf_features features = { .size = sizeof(features) };
	struct ringbuf_region region[REGIONS] = { 0 };
	struct ringbuf_info info;
	struct ringbuf_hole hole;
	uint64_t pos;

	stats.readers = POINTER(readers);
	stats.writer_table = POINTER(writers);
	ASSERT_OK(call(self->owner, RINGBUF_IOC_STATS, &stats));
	EXPECT_LE(2, stats.total);
	EXPECT_EQ(0, addresses(&stats, sizeof(stats)));
	EXPECT_EQ(0, addresses(readers, sizeof(readers)));
	EXPECT_EQ(0, addresses(writers, sizeof(writers)));
	ASSERT_OK(call(self->owner, RINGBUF_IOC_FEATURES, &features));
	EXPECT_EQ(0, addresses(&features, sizeof(features)));
	ASSERT_OK(info_get(self->reader, &info));
	/* The UUID is random, and comes last. */
	EXPECT_EQ(0, addresses(&info, offsetof(struct ringbuf_info, uuid)));
	ASSERT_OK(regions_get(self->reader, region));
	EXPECT_EQ(0, addresses(region, sizeof(region)));
	for (pos = 0; pos < SLOTS; pos++) {
		hole_call(self->reader, pos, &hole);
		EXPECT_EQ(0, addresses(&hole, sizeof(hole)));
	}
}

TEST_F(addresses, not_in_shared_memory)
{
	unsigned int i;

	for (i = 0; i < REGIONS; i++)
		EXPECT_EQ(0, addresses(self->r.map[i], self->r.region[i].bytes))
	TH_LOG("region %u", i);
}

TEST_F(addresses, not_in_the_texts_of_proc)
{
	const int fds[] = { self->owner, self->writer, self->reader };
	char path[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fds[i]);
		EXPECT_EQ(0, addresses_in_file(path));
	}
	EXPECT_EQ(0, addresses_in_file("/proc/self/mountinfo"));
	snprintf(path, sizeof(path), "/proc/%d/wchan", self->waiter);
	EXPECT_EQ(0, addresses_in_file(path));
}

TEST(addresses_not_in_the_parameters)
{
	DIR *dir = opendir("/sys/module/ringbuf/parameters");
	char path[320];
	struct dirent *entry;
	unsigned int files = 0;

	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/module/ringbuf/parameters/%s", entry->d_name);
		EXPECT_EQ(0, addresses_in_file(path));
		files += entry->d_name[0] != '.';
	}
	closedir(dir);
	EXPECT_LT(0, files);
}

TEST(addresses_not_in_the_log_of_the_kernel)
{
	enum { READ_ALL = 3 };
	static char log[1 << 20];
	int n = klogctl(READ_ALL, log, sizeof(log) - 1);
	char *line, *rest = log;
	unsigned int lines = 0;

	ASSERT_LT(0, n);
	log[n] = 0;
	while ((line = strsep(&rest, "\n"))) {
		if (!strstr(line, "ringbuf"))
			continue;
		lines++;
		EXPECT_EQ(0, addresses_written(line));
	}
	EXPECT_LT(0, lines);
}

TEST(an_address_would_be_found)
{
	const uint64_t memory[] = { 1, 0xffff888100001234ULL, (uint64_t)-1, (uint64_t)-22 };

	EXPECT_EQ(1, addresses(memory, sizeof(memory)));
	EXPECT_EQ(1, addresses_written("at ffff888100001234, not ffffffffffffffff nor 12ab"));
}

DEVICE_HARNESS_MAIN
