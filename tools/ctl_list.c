// SPDX-License-Identifier: GPL-2.0
/* ringbufctl list: the names that there are, on either host. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ringbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"

/* Where the embedded host has its names; also what stands before each. */
#define SHM_DIR	   "/dev/shm"
#define SHM_PREFIX "ringbuf."

/* @incomplete: there are rings that could not be looked at for want of a resource */
struct names {
	struct ringbuf_list_entry *entry;
	uint32_t count;
	bool incomplete;
};

/* ---- the module ------------------------------------------------------------- */

static int list_call(int fd, struct names *names, uint32_t *room)
{
	struct ringbuf_list l = {
		.size = sizeof(l),
		.entries = (uintptr_t)names->entry,
		.count = *room,
	};

	if (ioctl(fd, RINGBUF_IOC_LIST, &l))
		return -errno;
	names->count = l.count;
	*room = l.total;
	return 0;
}

/* Names come and go between two calls. */
static int list_module(struct names *names)
{
	int fd = open("/dev/ringbuf", O_RDWR | O_CLOEXEC), err;
	uint32_t room = 0, wanted = 0;

	if (fd < 0)
		return -errno;
	do {
		free(names->entry);
		names->entry = calloc(wanted + 16, sizeof(*names->entry));
		room = wanted + 16;
		wanted = room;
		err = names->entry ? list_call(fd, names, &wanted) : -ENOMEM;
	} while (!err && wanted > room);
	close(fd);
	return err;
}

/* ---- the embedded host ------------------------------------------------------ */

/* Fill @e from the ring that it names.  Return 0 or a negative errno. */
static int embedded_look(struct ringbuf_list_entry *e)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	struct ringbuf_geometry geometry = { .size = sizeof(geometry) };
	struct ringbuf *ring;
	int err = ringbuf_open(e->name, RINGBUF_HOST_EMBEDDED, &ring);

	if (err)
		return err;
	ringbuf_get_geometry(ring, &geometry);
	err = ringbuf_stats(ring, &status, NULL, 0);
	ringbuf_close(ring);
	if (err < 0)
		return err;
	e->slot_bytes = geometry.slot_bytes;
	e->slot_count = geometry.slot_count;
	e->head = status.head;
	e->flags = geometry.flags;
	e->readers = status.readers;
	e->writers = status.writers;
	return 0;
}

/*
 * Fill @e from the file of a name, and from the ring in it if the file belongs to this
 * user: what another one put there is not opened, and listed with a slot_count of 0.
 * Return 0; -ENOENT or -EPROTO: the file has gone, or is no ring; or another negative
 * errno: what the file says is known alone.
 */
static int embedded_entry(const char *file, struct ringbuf_list_entry *e)
{
	const char *name = file + strlen(SHM_PREFIX);
	char path[PATH_MAX];
	struct stat st;
	int err;

	snprintf(path, sizeof(path), SHM_DIR "/%s", file);
	if (lstat(path, &st) || !S_ISREG(st.st_mode))
		return -ENOENT;
	*e = (struct ringbuf_list_entry){ .uid = st.st_uid,
					  .mode = st.st_mode & 0777,
					  .name_len = (uint32_t)strlen(name) };
	snprintf(e->name, sizeof(e->name), "%s", name);
	err = st.st_uid == geteuid() ? embedded_look(e) : 0;
	/* The library says ENOENT too where it is not the file that is missing. */
	return err == -ENOENT && !lstat(path, &st) ? -EOPNOTSUPP : err;
}

/* Room for one more name, or NULL. */
static struct ringbuf_list_entry *next_entry(struct names *names)
{
	struct ringbuf_list_entry *more;

	more = realloc(names->entry, (names->count + 1) * sizeof(*more));
	if (!more)
		return NULL;
	names->entry = more;
	return &more[names->count];
}

/* Whether the caller lacks something, so that less is told of a ring that is sound. */
static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EOPNOTSUPP;
}

/* Add the ring of @file, and say on stderr what kept us from looking into it. */
static void list_file(struct names *names, const char *file)
{
	struct ringbuf_config config = { .host = RINGBUF_HOST_EMBEDDED };
	struct ringbuf_list_entry *e = next_entry(names);
	int err = e ? embedded_entry(file, e) : -ENOMEM;
	bool listed = e && err != -ENOENT && err != -EPROTO;
	char words[ERROR_WORDS_BYTES];

	names->count += listed;
	if (!err || err == -ENOENT)
		return;
	ctl_say(file + strlen(SHM_PREFIX), "%s: %s",
		listed ? "only its file is listed" : "not listed",
		error_words(words, ERROR_OPEN, err, &config));
	names->incomplete |= is_shortage(err);
}

static int list_embedded(struct names *names)
{
	DIR *dir = opendir(SHM_DIR);
	struct dirent *d;

	if (!dir)
		return -errno;
	while ((d = readdir(dir)))
		if (!strncmp(d->d_name, SHM_PREFIX, strlen(SHM_PREFIX)))
			list_file(names, d->d_name);
	closedir(dir);
	return 0;
}

/* ---- what is said ------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct ringbuf_list_entry *)a)->name,
		      ((const struct ringbuf_list_entry *)b)->name);
}

/* Whether the ring was opened; no ring has 0 slots. */
static bool is_known(const struct ringbuf_list_entry *e)
{
	return e->slot_count;
}

static void say_table(const struct names *names)
{
	char flags[64];
	uint32_t i;

	printf("%10s %8s %12s %7s %7s %5s %5s  %-20s %s\n", "slot bytes", "slots", "head",
	       "readers", "writers", "uid", "mode", "flags", "name");
	for (i = 0; i < names->count; i++) {
		const struct ringbuf_list_entry *e = &names->entry[i];

		if (is_known(e))
			printf("%10llu %8llu %12llu %7u %7u", (unsigned long long)e->slot_bytes,
			       (unsigned long long)e->slot_count, (unsigned long long)e->head,
			       e->readers, e->writers);
		else
			printf("%10s %8s %12s %7s %7s", "-", "-", "-", "-", "-");
		printf(" %5u  %04o  %-20s ", e->uid, e->mode, ctl_flags(e->flags, flags));
		ctl_print_name(e->name, e->name_len);
		putchar('\n');
	}
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* Add what only an open ring tells; null if it was not opened. */
static void inside_json(json_t *j, const struct ringbuf_list_entry *e)
{
	const struct {
		const char *key;
		uint64_t value;
	} figures[] = {
		{ "slot_bytes", e->slot_bytes }, { "slots", e->slot_count }, { "head", e->head },
		{ "readers", e->readers },	 { "writers", e->writers },
	};
	bool known = is_known(e);
	size_t i;

	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		json_object_set_new(j, figures[i].key,
				    known ? number(figures[i].value) : json_null());
	json_object_set_new(j, "exclusive",
			    known ? json_boolean(e->flags & RINGBUF_EXCLUSIVE) : json_null());
	json_object_set_new(j, "timestamp",
			    known ? json_boolean(e->flags & RINGBUF_TIMESTAMP) : json_null());
}

static json_t *entry_json(const struct ringbuf_list_entry *e)
{
	json_t *j = json_object();

	ctl_json_name(j, e->name, e->name_len);
	inside_json(j, e);
	json_object_set_new(j, "uid", number(e->uid));
	json_object_set_new(j, "mode", json_sprintf("%04o", e->mode));
	return j;
}

static void say_json(const struct names *names)
{
	json_t *all = json_array();
	uint32_t i;

	for (i = 0; i < names->count; i++)
		json_array_append_new(all, entry_json(&names->entry[i]));
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

int ctl_list(const struct ctl *c)
{
	bool module = c->host == RINGBUF_HOST_MODULE;
	struct names names = { .entry = NULL };
	int err = module ? list_module(&names) : list_embedded(&names);

	if (!err) {
		if (names.count)
			qsort(names.entry, names.count, sizeof(*names.entry), by_name);
		if (c->json)
			say_json(&names);
		else
			say_table(&names);
	}
	free(names.entry);
	if (err && module)
		return ctl_fail_at(c, ERROR_OPEN, err, NULL);
	if (err)
		return ctl_fail(SHM_DIR, err);
	return names.incomplete ? CTL_EXIT_FAILED : 0;
}
