// SPDX-License-Identifier: GPL-2.0
/*
 * Runs test programs and counts the test cases that they report in TAP; selftests/run builds
 * and starts this program.  It is in C because in an emulated machine whose kernel has all
 * checks on, a shell would take longer for this than the tests themselves.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_PROGRAMS 1024
#define SHOWN_LINES  60
#define GRACE_S	     5

static const char usage[] =
	"usage: selftests/run [OPTION...] [PROGRAM...]\n"
	"\n"
	"Runs the named test programs (paths, or abi/NAME, lib/NAME, kill/kill, steps/steps), or else\n"
	"all that were built: those of build/selftests/abi, abi32 and lib, the kill and step tests, and the\n"
	"scripts of selftests/lib and files.  Prints a line for each program, what went wrong\n"
	"in those that failed, and at the end the numbers of test cases that passed, failed\n"
	"and were skipped.\n"
	"\n"
	"  --module       tests of the library run on /dev/ringbuf\n"
	"  --embedded     tests of the library run on the embedded host\n"
	"  --faults       each system call of a test of the ABI on a file of ringbuf fails at each\n"
	"                 place where the kernel can let it fail, before it succeeds; debug kernel\n"
	"  --kills N      processes that the kill test kills (default 100)\n"
	"  --steps N      instructions of each operation that the step test kills after (default\n"
	"                 10); 0: all\n"
	"  --timeout S    seconds that each program may run (default 600)\n"
	"  --list         only list the programs\n"
	"\n"
	"This also works inside selftests/vm/run.  Exit status: 1 if a test case failed.\n";

static struct {
	const char *kills;
	const char *steps;
	int timeout;
	bool list;
	int count;
	char *program[MAX_PROGRAMS];
} options = { .kills = "100", .steps = "10", .timeout = 600 };

/**
 * struct outcome - the test cases of a program, counted by their results
 * @planned: number of the test cases in its plan "1..N"; -1: it printed no plan; -2: more than
 *	one
 * @off_plan: the number of results is not @planned
 */
struct outcome {
	int passed;
	int failed;
	int skipped;
	int planned;
	bool off_plan;
};

/* The output of a program as lines without their line ends. */
struct output {
	char *text;
	char **line;
	int lines;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "selftests/run: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- which programs -------------------------------------------------------- */

static bool is_program(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) && !access(path, X_OK);
}

static void add_program(const char *path)
{
	char *copy = strdup(path);

	if (!copy || options.count == MAX_PROGRAMS)
		die("too many programs");
	options.program[options.count++] = copy;
}

static void add_named(const char *name)
{
	static const char *const places[] = { "", "build/selftests/", "selftests/" };
	char path[4096];
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, sizeof(path), "%s%s", places[i], name);
		if (is_program(path)) {
			add_program(path);
			return;
		}
	}
	add_program(name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[4096];

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (is_program(path))
			add_program(path);
	}
	closedir(dir);
}

static void add_all(void)
{
	add_folder("build/selftests/abi");
	add_folder("build/selftests/abi32");
	add_folder("build/selftests/lib");
	add_folder("build/selftests/kill");
	add_folder("build/selftests/steps");
	add_folder("selftests/lib");
	add_folder("selftests/files");
	qsort(options.program, (size_t)options.count, sizeof(*options.program), by_name);
}

/* ---- running one ------------------------------------------------------------ */

/* The number that @program takes, or NULL: it takes none. */
static const char *count_for(const char *program)
{
	const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;

	if (!strcmp(name, "kill"))
		return options.kills;
	return strcmp(name, "steps") ? NULL : options.steps;
}

/* Run @program in its own session, so that all its processes can be killed at its end. */
static _Noreturn void become(const char *program, int log)
{
	int null = open("/dev/null", O_RDONLY);
	char *argv[] = { (char *)program, (char *)count_for(program), NULL };

	setsid();
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execv(program, argv);
	if (errno == ENOEXEC) {
		printf("1..0 # SKIP this kernel runs no 32-bit programs\n");
		fflush(stdout);
		_exit(4);
	}
	printf("%s: %s\n", program, strerror(errno));
	fflush(stdout);
	_exit(127);
}

/* Wait at most @seconds for the end of the process of @pidfd; false if it still runs. */
static bool ended_within(int pidfd, int seconds)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	do {
		n = poll(&p, 1, seconds * 1000);
	} while (n < 0 && errno == EINTR);
	return n > 0;
}

/* Run @program; returns its wait status.  *@late: it was stopped since its time was over. */
static int run(const char *program, int log, bool *late)
{
	pid_t child;
	int pidfd, status;

	fflush(NULL);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		become(program, log);
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	if (pidfd < 0)
		die("pidfd_open");
	*late = !ended_within(pidfd, options.timeout);
	if (*late) {
		kill(-child, SIGTERM);
		ended_within(pidfd, GRACE_S);
	}
	kill(-child, SIGKILL);
	kill(child, SIGKILL);
	if (waitpid(child, &status, 0) != child)
		die("waitpid");
	close(pidfd);
	return status;
}

static void output_get(struct output *o, int log)
{
	off_t size = lseek(log, 0, SEEK_END), got = 0;
	char *at, *next;

	*o = (struct output){ 0 };
	o->text = calloc(1, (size_t)size + 1);
	o->line = calloc((size_t)size + 1, sizeof(*o->line));
	if (!o->text || !o->line)
		die("memory");
	while (got < size) {
		ssize_t n = pread(log, o->text + got, (size_t)(size - got), got);

		if (n <= 0)
			break;
		got += n;
	}
	for (at = o->text; *at; at = next) {
		next = strchrnul(at, '\n');
		if (*next)
			*next++ = '\0';
		o->line[o->lines++] = at;
	}
}

static void output_put(struct output *o)
{
	free(o->text);
	free(o->line);
}

/* ---- what it said ------------------------------------------------------------ */

static bool starts(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

/* If @line reports a skip, the part from its '#' on, with the reason; or NULL. */
static const char *skip_reason(const char *line)
{
	const char *mark = strchr(line, '#'), *word;

	if (!starts(line, "ok ") && !starts(line, "1..0 "))
		return NULL;
	for (; mark; mark = strchr(mark + 1, '#')) {
		for (word = mark + 1; *word == ' '; word++)
			;
		if (starts(word, "SKIP"))
			return mark;
	}
	return NULL;
}

/* N if @line is a plan "1..N", or -1. */
static int plan_of(const char *line)
{
	char *end;
	long n;

	if (!starts(line, "1..") || !isdigit((unsigned char)line[3]))
		return -1;
	n = strtol(line + 3, &end, 10);
	return !*end || *end == ' ' ? (int)n : -1;
}

static int planned(const struct output *o)
{
	int i, n, plan = -1;

	for (i = 0; i < o->lines; i++) {
		n = plan_of(o->line[i]);
		if (n < 0)
			continue;
		if (plan >= 0)
			return -2;
		plan = n;
	}
	return plan;
}

/* A program that is skipped as a whole has a plan of 0 and counts as one skipped case. */
static bool as_planned(const struct outcome *r)
{
	if (!r->planned)
		return r->skipped == 1 && !r->passed && !r->failed;
	return r->planned == r->passed + r->failed + r->skipped;
}

static struct outcome judge(const struct output *o, int status)
{
	struct outcome r = { .planned = planned(o) };
	bool skip_all = WIFEXITED(status) && WEXITSTATUS(status) == 4;
	int i;

	for (i = 0; i < o->lines; i++) {
		if (skip_reason(o->line[i]))
			r.skipped++;
		else if (starts(o->line[i], "ok "))
			r.passed++;
		else if (starts(o->line[i], "not ok "))
			r.failed++;
	}
	/* Count one failure more for a program that ended early or kept no plan. */
	r.off_plan = !as_planned(&r);
	if (r.off_plan || (status && !skip_all && !r.failed))
		r.failed++;
	return r;
}

static void show_skips(const struct output *o)
{
	int i, k, n;

	for (i = 0; i < o->lines; i++) {
		const char *reason = skip_reason(o->line[i]), *other;

		for (k = 0; reason && k < i; k++) {
			other = skip_reason(o->line[k]);
			if (other && !strcmp(other, reason))
				reason = NULL;
		}
		if (!reason)
			continue;
		for (n = 0; k < o->lines; k++) {
			other = skip_reason(o->line[k]);
			n += other && !strcmp(other, reason);
		}
		printf("    %d %s\n", n, reason);
	}
}

static bool is_noise(const char *line)
{
	return starts(line, "ok ") || starts(line, "#  RUN") || starts(line, "#            RUN") ||
	       starts(line, "#            OK") || !*line;
}

static void show_failure(const struct output *o, const struct outcome *r, bool late)
{
	int from = o->lines, shown = 0, i;

	if (late && o->lines)
		printf("    ran out of time in:\n    %s\n", o->line[o->lines - 1]);
	if (r->planned < 0)
		printf("    has %s plan of its tests\n", r->planned < -1 ? "more than one" : "no");
	else if (r->off_plan)
		printf("    planned %d tests\n", r->planned);
	while (from && shown < SHOWN_LINES)
		shown += !is_noise(o->line[--from]);
	for (i = from; i < o->lines; i++)
		if (!is_noise(o->line[i]))
			printf("    %s\n", o->line[i]);
}

static void show_remarks(const struct output *o)
{
	int i;

	for (i = 0; i < o->lines; i++)
		if (starts(o->line[i], "# "))
			printf("    %s\n", o->line[i]);
}

static const char *short_name(const char *program)
{
	if (starts(program, "build/"))
		program += strlen("build/");
	if (starts(program, "selftests/"))
		program += strlen("selftests/");
	return program;
}

static struct outcome test(const char *program)
{
	time_t start = time(NULL);
	struct outcome r;
	struct output o;
	bool late;
	int status, log = memfd_create("log", MFD_CLOEXEC);

	if (log < 0)
		die("memfd_create");
	status = run(program, log, &late);
	output_get(&o, log);
	r = judge(&o, status);
	printf("%s %s: %d passed, %d failed, %d skipped (%d s)\n",
	       r.failed	  ? "not ok"
	       : r.passed ? "ok"
			  : "skip",
	       short_name(program), r.passed, r.failed, r.skipped, (int)(time(NULL) - start));
	if (r.failed) {
		show_failure(&o, &r, late);
	} else {
		show_skips(&o);
		if (count_for(program))
			show_remarks(&o);
	}
	fflush(stdout);
	output_put(&o);
	close(log);
	return r;
}

/* ---- arguments ---------------------------------------------------------------- */

static _Noreturn void wrong(const char *what, const char *argument)
{
	fprintf(stderr, "selftests/run: %s %s\n\n%s", what, argument, usage);
	exit(1);
}

static const char *number(const char *option, const char *value)
{
	char *end;

	if (!value || !isdigit((unsigned char)*value))
		wrong("a number is wanted after", option);
	strtol(value, &end, 10);
	if (*end)
		wrong("a number is wanted after", option);
	return value;
}

static void parse(char **argv)
{
	while (*++argv) {
		if (!strcmp(*argv, "--module")) {
			setenv("RINGBUF_HOST", "module", 1);
		} else if (!strcmp(*argv, "--embedded")) {
			setenv("RINGBUF_HOST", "embedded", 1);
		} else if (!strcmp(*argv, "--faults")) {
			setenv("RINGBUF_FAULTS", "1", 1);
		} else if (!strcmp(*argv, "--kills")) {
			options.kills = number(argv[0], argv[1]);
			argv++;
		} else if (!strcmp(*argv, "--steps")) {
			options.steps = number(argv[0], argv[1]);
			argv++;
		} else if (!strcmp(*argv, "--timeout")) {
			options.timeout = atoi(number(argv[0], argv[1]));
			argv++;
		} else if (!strcmp(*argv, "--list")) {
			options.list = true;
		} else if (!strcmp(*argv, "-h") || !strcmp(*argv, "--help")) {
			fputs(usage, stdout);
			exit(0);
		} else if (**argv == '-') {
			wrong("unknown option", *argv);
		} else {
			add_named(*argv);
		}
	}
}

int main(int argc, char **argv)
{
	struct outcome all = { 0 }, one;
	int i;

	(void)argc;
	parse(argv);
	if (!options.count)
		add_all();
	for (i = 0; i < options.count; i++) {
		if (options.list) {
			puts(options.program[i]);
			continue;
		}
		one = test(options.program[i]);
		all.passed += one.passed;
		all.failed += one.failed;
		all.skipped += one.skipped;
	}
	if (options.list)
		return 0;
	printf("%d passed, %d failed, %d skipped\n", all.passed, all.failed, all.skipped);
	return all.failed != 0;
}
