// SPDX-License-Identifier: GPL-2.0
/*
 * Process 1 of the test machine: mounts the host's files, runs one command among them, and
 * reports its exit status.  Started on the host, this program prints the frequency of the time
 * stamp counter, in kHz.
 *
 * The script "run" writes the settings as NUL-terminated words KEY=VALUE.  Those of the
 * machine itself are in /boot.config; those of the command come through the virtio port TASK
 * and end with "end=".  After it has read /boot.config, the machine may be saved, and it may
 * continue more than once from that saved state.  Two more virtio ports lead to the host: OUT
 * has the output of the command and nothing else; STATUS has lines, of which "run" knows:
 *
 *	booted			the machine waits for the settings of port TASK
 *	task			the machine has read these settings
 *	ready			the command starts now
 *	exit N			the command ended: its status, or 128 + signal
 *	fail TEXT		the machine or the module failed
 *	note TEXT		something that the user should know
 *
 * Any other line explains a "fail" line and is shown with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUT	  "/dev/vport0p1"
#define STATUS	  "/dev/vport0p2"
#define TASK	  "/dev/vport0p3"
#define KMEMLEAK  "/sys/kernel/debug/kmemleak"
#define RINGS	  "/dev/rings" /* the folder where the library looks for ring NAME */
#define MAX_WORDS 4096
#define MAX_LOADS 64

/*
 * Bits that the kernel sets in its taint mask when it finds a fault in itself: machine check,
 * bad page, oops, warning, soft lockup.
 */
#define TAINT_FAULTS (1 << 4 | 1 << 5 | 1 << 7 | 1 << 9 | 1 << 14)

static struct {
	const char *tree; /* the source tree, writable */
	const char *build; /* the folder of the tree to mount at its build/, or "" */
	const char *cwd; /* the working directory of the command */
	long cpus; /* the number of processors that the machine must have */
	long long now; /* the time in µs since 1970; 0: the clock is right, after a boot */
	const char *module; /* the path of ringbuf.ko, or "" */
	const char *module_args;
	const char *load[MAX_LOADS]; /* other modules to load, in this order */
	size_t loads;
	char *env[MAX_WORDS];
	char *argv[MAX_WORDS];
} config = { .build = "", .module_args = "" };

static int status_fd = -1;

/* ---- telling the host ---- */

static void put(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return;
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
}

static void tell(const char *form, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, form);
	vsnprintf(line, sizeof(line) - 1, form, ap);
	va_end(ap);
	strcat(line, "\n");
	/* Use the console until the port exists. */
	put(status_fd < 0 ? STDERR_FILENO : status_fd, line, strlen(line));
}

static _Noreturn void power_off(void)
{
	sync();
	/* QEMU runs with -no-reboot, so that it ends instead of a reboot. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

#define fail(form, ...)                                                    \
	do {                                                               \
		tell("fail " form ": %s", ##__VA_ARGS__, strerror(errno)); \
		power_off();                                               \
	} while (0)

/* ---- small helpers ---- */

static void make_dirs(const char *path)
{
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s/", path);
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(copy, 0755);
		*p = '/';
	}
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("write %s", path);
	close(fd);
}

static void load_module(const char *path, const char *args)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("open %s", path);
	if (syscall(SYS_finit_module, fd, args, 0) && errno != EEXIST)
		fail("load %s", path);
	close(fd);
}

static void mount_at(const char *dir, const char *type, unsigned long flags, const char *options)
{
	make_dirs(dir);
	if (mount(type, dir, type, flags, options))
		fail("mount %s at %s", type, dir);
}

static void mount_share(const char *tag, const char *dir, unsigned long flags, const char *cache)
{
	char options[128];

	snprintf(options, sizeof(options),
		 "trans=virtio,version=9p2000.L,msize=512000,access=any,cache=%s", cache);
	make_dirs(dir);
	if (mount(tag, dir, "9p", flags, options))
		fail("mount the host's files at %s", dir);
}

/* ---- the steps ---- */

/* Open a virtio port.  The driver makes the ports some time after the kernel found the device. */
static int open_port(const char *path, int how)
{
	int fd = -1;

	for (int tries = 0; fd < 0 && tries < 2000; tries++) {
		fd = open(path, how | O_CLOEXEC);
		if (fd < 0)
			usleep(5000);
	}
	if (fd < 0)
		fail("open %s", path);
	return fd;
}

static void parse_config(char *text, size_t len)
{
	size_t envs = 0, args = 0;

	errno = E2BIG;
	for (char *p = text; p < text + len; p += strlen(p) + 1) {
		char *value = strchr(p, '=') + 1;

		if (envs == MAX_WORDS - 1 || args == MAX_WORDS - 1 || config.loads == MAX_LOADS)
			fail("read so many words");
		if (!strncmp(p, "load=", 5))
			config.load[config.loads++] = value;
		else if (!strncmp(p, "tree=", 5))
			config.tree = value;
		else if (!strncmp(p, "build=", 6))
			config.build = value;
		else if (!strncmp(p, "cwd=", 4))
			config.cwd = value;
		else if (!strncmp(p, "cpus=", 5))
			config.cpus = atol(value);
		else if (!strncmp(p, "now=", 4))
			config.now = atoll(value);
		else if (!strncmp(p, "module=", 7))
			config.module = value;
		else if (!strncmp(p, "module_args=", 12))
			config.module_args = value;
		else if (!strncmp(p, "env=", 4))
			config.env[envs++] = value;
		else if (!strncmp(p, "arg=", 4))
			config.argv[args++] = value;
	}
}

/* Load the modules of config.load, and empty that list for the next part of the settings. */
static void load_all(void)
{
	for (size_t i = 0; i < config.loads; i++)
		load_module(config.load[i], "");
	config.loads = 0;
}

static void read_boot_config(void)
{
	static char text[1 << 12];
	int fd = open("/boot.config", O_RDONLY);
	ssize_t len = read(fd, text, sizeof(text) - 1);

	if (len < 0)
		fail("read /boot.config");
	close(fd);
	parse_config(text, len);
}

/*
 * Wait for the settings of port TASK and read them.  The machine may be saved while it waits.
 * While no program on the host has the port open, read() returns 0, as at the end of a file.
 */
static void read_task(void)
{
	static char text[1 << 20];
	static const char end[] = "\0end="; /* no text has a NUL */
	size_t len = 0;
	int fd = open_port(TASK, O_RDONLY);

	tell("booted");
	while (len < sizeof(end) || memcmp(text + len - sizeof(end), end, sizeof(end))) {
		ssize_t n = read(fd, text + len, sizeof(text) - len);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			fail("read the task");
		if (len == sizeof(text)) {
			errno = E2BIG;
			fail("read the task");
		}
		if (n > 0)
			len += n;
		else
			usleep(2000);
	}
	close(fd);
	tell("task");
	parse_config(text, len);
}

/*
 * After a machine that was saved continues, its clock is late by the time between, and it has
 * the same random state as every other machine that continued from the same saved state.
 */
static void catch_up(void)
{
	const struct timespec now = { .tv_sec = config.now / 1000000,
				      .tv_nsec = config.now % 1000000 * 1000 };
	int fd = open("/dev/urandom", O_WRONLY);

	if (config.now && clock_settime(CLOCK_REALTIME, &now))
		fail("set the clock");
	if (ioctl(fd, RNDRESEEDCRNG))
		fail("renew the random numbers");
	close(fd);
}

/*
 * Move the host's files to / as switch_root does: after a mere chroot the command could not
 * make user namespaces.
 */
static void enter_host_root(void)
{
	mount_share("root", "/root", MS_RDONLY, "loose");
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("enter the host's root");
}

static void mount_all(void)
{
	mount_at("/dev", "devtmpfs", 0, NULL);
	mount_at("/dev/pts", "devpts", 0, "ptmxmode=666");
	mount_at("/dev/shm", "tmpfs", 0, "mode=1777");
	mount_at("/dev/mqueue", "mqueue", 0, NULL);
	mount_at("/proc", "proc", 0, NULL);
	mount_at("/sys", "sysfs", 0, NULL);
	mount_at("/sys/kernel/debug", "debugfs", 0, NULL);
	mount_at("/sys/fs/cgroup", "cgroup2", 0, NULL);
	mount_at("/tmp", "tmpfs", 0, "mode=1777");
	mount_at("/var/tmp", "tmpfs", 0, "mode=1777");
	mount_at("/run", "tmpfs", 0, "mode=755");
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids");
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
	/* The tree may be under /tmp: so mount it after /tmp. */
	mount_share("tree", config.tree, 0, "loose");
}

/* Start all processors but the first, with which alone the kernel has booted. */
static void start_processors(void)
{
	char path[64];
	long cpus;

	for (int i = 1; i < config.cpus; i++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", i);
		if (!access(path, F_OK))
			write_file(path, "1");
	}
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus == config.cpus)
		return;
	tell("fail the kernel found %ld processors, not %ld", cpus, config.cpus);
	power_off();
}

static void raise_loopback(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	/* The socket may be of any family; AF_UNIX since the debug kernel has no IP. */
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		fail("bring up lo");
	close(fd);
}

static _Noreturn void run_command(int out)
{
	int in = open("/dev/null", O_RDONLY);
	sigset_t none;

	setsid();
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close(in);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(config.cwd))
		tell("note no %s in the machine, starting in /", config.cwd);
	/* execvp() takes PATH from this process, so set the whole environment here. */
	clearenv();
	for (char **env = config.env; *env; env++)
		putenv(*env);
	execvp(config.argv[0], config.argv);
	dprintf(STDERR_FILENO, "run: %s: %s\n", config.argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/*
 * Copy the output of the command from a pipe to port OUT until the pipe has no writer.  The
 * command cannot write to the port itself, since a port can be opened only once.  This is a
 * thread of process 1, since all other processes are killed while there is output to copy.
 */
static void *relay(void *from)
{
	static char data[1 << 15];
	int port = open_port(OUT, O_WRONLY);
	ssize_t n;

	while ((n = read(*(int *)from, data, sizeof(data))) > 0)
		put(port, data, n);
	return NULL;
}

static int wait_for(pid_t pid)
{
	int status = 0;
	pid_t dead;

	do {
		dead = wait(&status);
	} while (dead != pid && (dead > 0 || errno == EINTR));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Wait for the end of all other processes. */
static void wait_for_all(void)
{
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

/*
 * Undo all mounts at RINGS, of which the command may have left any number.  If a file there is
 * still open, the module does not unload, and unload() reports that.
 */
static void unmount_rings(void)
{
	while (!umount2(RINGS, 0))
		;
}

/*
 * Unload module @name.  Try for some time, since the kernel drops the last references late: in
 * an exit that still runs on another CPU, and in workers of io_uring.
 */
static bool unload(const char *name)
{
	for (int tries = 0; tries < 200; tries++) {
		unmount_rings();
		/* ENOENT: the command has unloaded the module itself. */
		if (!syscall(SYS_delete_module, name, O_NONBLOCK) || errno == ENOENT)
			return true;
		if (errno != EAGAIN && errno != EBUSY)
			break;
		usleep(50000);
	}
	tell("fail rmmod %s: %s", name, strerror(errno));
	return false;
}

static void check_taint(void)
{
	unsigned long taint = 0;
	FILE *f = fopen("/proc/sys/kernel/tainted", "r");

	if (f && fscanf(f, "%lu", &taint) == 1 && taint & TAINT_FAULTS)
		tell("fail the kernel is tainted: %#lx", taint & TAINT_FAULTS);
	if (f)
		fclose(f);
}

/*
 * kmemleak does not report objects that changed since its last scan or are younger than 5 s; a
 * scan takes about 4 s.  The kernel itself leaks no memory while it boots, so no scan is needed
 * before the command.
 */
static void check_leaks(void)
{
	struct timespec old_enough;
	char line[512];
	bool leak = false;
	FILE *f;

	if (access(KMEMLEAK, F_OK))
		return;
	clock_gettime(CLOCK_MONOTONIC, &old_enough);
	old_enough.tv_sec += 6;
	write_file(KMEMLEAK, "scan");
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &old_enough, NULL);
	write_file(KMEMLEAK, "scan");
	f = fopen(KMEMLEAK, "r");
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		tell("%s", line);
		leak = true;
	}
	if (f)
		fclose(f);
	if (leak)
		tell("fail kmemleak: memory is left that nothing points to");
}

/* The part of the start that does not depend on the command, before the machine is saved. */
static void boot(void)
{
	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	mount_at("/sys", "sysfs", 0, NULL);
	read_boot_config();
	load_all();
	status_fd = open_port(STATUS, O_WRONLY);
	raise_loopback();
	sethostname("ringbuf-vm", 10);
	start_processors();
}

/* Mount the folder that was built for the architecture of this machine over the host's build/. */
static void mount_build(void)
{
	char dir[4096];

	if (!*config.build)
		return;
	snprintf(dir, sizeof(dir), "%s/build", config.tree);
	if (mount(config.build, dir, NULL, MS_BIND, NULL))
		fail("mount %s at %s", config.build, dir);
}

static void set_up(void)
{
	catch_up();
	enter_host_root();
	mount_all();
	load_all();
	if (*config.module) {
		load_module(config.module, config.module_args);
		mount_at(RINGS, "ringbuf", 0, NULL);
	}
	mount_build();
}

/* ---- on the host ---- */

#ifdef __x86_64__
static unsigned long long ns_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/* The time stamp counter, and in *@ns the clock at that moment: the most exact of 50 tries. */
static unsigned long long ticks_at(unsigned long long *ns)
{
	unsigned long long best = ~0ULL, ticks = 0;

	for (int i = 0; i < 50; i++) {
		unsigned long long before = ns_now(), now = __builtin_ia32_rdtsc();
		unsigned long long width = ns_now() - before;

		if (width < best) {
			best = width;
			ticks = now;
			*ns = before + width / 2;
		}
	}
	return ticks;
}

/*
 * Print the frequency of the time stamp counter, which an emulated machine shares with its
 * host.  On a busy host the machine fails to measure it, and then its clock has steps of 4 ms.
 */
static int print_tsc_khz(void)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	unsigned long long from_ns, to_ns, from = ticks_at(&from_ns), to;

	nanosleep(&pause, NULL);
	to = ticks_at(&to_ns);
	return printf("%llu\n", (to - from) * 1000000 / (to_ns - from_ns)) < 0;
}
#else
static int print_tsc_khz(void)
{
	return 0;
}
#endif

int main(void)
{
	pthread_t relayer;
	int out[2], status;
	pid_t command;

	if (getpid() != 1)
		return print_tsc_khz();
	boot();
	read_task();
	set_up();
	if (pipe2(out, O_CLOEXEC) || pthread_create(&relayer, NULL, relay, &out[0]))
		fail("open a way for the output");

	tell("ready");
	command = fork();
	if (!command)
		run_command(out[1]);
	if (command < 0)
		fail("fork");
	status = wait_for(command);

	kill(-1, SIGKILL);
	wait_for_all();
	close(out[1]);
	pthread_join(relayer, NULL);

	if (*config.module && unload("ringbuf"))
		check_leaks();
	check_taint();
	tell("exit %d", status);
	power_off();
}
