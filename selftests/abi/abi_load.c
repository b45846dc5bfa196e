// SPDX-License-Identifier: GPL-2.0
/*
 * Let the load of the module fail at each place where it allocates.
 *
 * A load that fails must leave nothing behind: the next one works.  This unloads the module, so it
 * runs only in the virtual machine, on a kernel that injects faults; RINGBUF_MODULE is the
 * path of the module, if it is not the one of this kernel in build/.
 */
#include "../harness/harness.h"

#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include "../harness/device.h"
#include "../harness/fault.h"

/* Places behind which the kernel is certainly not yet in the init of the module. */
#define LAST_PLACES 160
#define MANY	    1000000

static int module_file(void)
{
	const char *path = getenv("RINGBUF_MODULE");
	struct utsname kernel;
	char own[256];

	if (uname(&kernel))
		return -1;
	snprintf(own, sizeof(own), "build/kmod/%s/ringbuf.ko", kernel.release);
	return open(path ? path : own, O_RDONLY | O_CLOEXEC);
}

static int load(int file)
{
	return syscall(SYS_finit_module, file, "", 0) ? -errno : 0;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "ringbuf", O_NONBLOCK) ? -errno : 0;
}

/* Load the module with a fault at place @n; *@injected: the fault has come. */
static int load_with_fault(int file, int nth, unsigned int n, bool *injected)
{
	int err;

	fault_set(nth, n);
	err = load(file);
	*injected = fault_end(nth);
	return err;
}

/* The number of places where a load allocates; it loads the module and unloads it. */
static unsigned int places(int file, int nth)
{
	char left[16] = "";

	fault_set(nth, MANY);
	if (load(file) || pread(nth, left, sizeof(left) - 1, 0) <= 0)
		left[0] = 0;
	fault_set(nth, 0);
	return unload() || !left[0] ? 0 : MANY - (unsigned int)atoi(left);
}

FIXTURE(load)
{
	int file;
	int nth;
};

FIXTURE_SETUP(load)
{
	self->file = -1;
	self->nth = -1;
	if (!getenv("RINGBUF_VM"))
		SKIP(return, "unloads the module: only in the virtual machine");
	if (!fault_ready())
		SKIP(return, "this kernel injects no faults");
	self->file = module_file();
	self->nth = fault_open();
	ASSERT_LE(0, self->file);
	ASSERT_LE(0, self->nth);
	ASSERT_EQ(0, umount(RINGS));
	ASSERT_OK(unload());
}

/* Leave the machine as the next tests expect it. */
FIXTURE_TEARDOWN(load)
{
	if (self->nth < 0)
		return;
	load(self->file);
	EXPECT_EQ(0, mount("ringbuf", RINGS, "ringbuf", 0, NULL));
	close(self->nth);
	close(self->file);
}

TEST_F_TIMEOUT(load, failed_load_of_the_module_leaves_nothing, 600)
{
	unsigned int all = places(self->file, self->nth), failed = 0, n;

	ASSERT_GT(all, 0);
	for (n = all > LAST_PLACES ? all - LAST_PLACES : 1; n <= all; n++) {
		bool injected;
		int err = load_with_fault(self->file, self->nth, n, &injected);

		EXPECT_TRUE(!err || err == -ENOMEM)
		TH_LOG("fault %u of %u: %s", n, all, strerror(-err));
		if (err)
			EXPECT_EQ(-1, access(RINGBUF_DEVICE, F_OK));
		failed += !!err;
		EXPECT_EQ(err ? -ENOENT : 0, unload());
	}
	TH_LOG("%u places, %u of the last %u an error", all, failed, LAST_PLACES);
	EXPECT_GT(failed, 20);
}

DEVICE_HARNESS_MAIN
