// SPDX-License-Identifier: GPL-2.0
/* ringbufctl list: the rings that have a name, on either host. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/policy.h"
#include "common/rings.h"
#include "ctl_list.h"

struct listed *list_add(struct names *names, const char *name, const struct stat *st)
{
	struct listed *more = realloc(names->entry, (names->count + 1) * sizeof(*more)), *e;
	char *copy = strdup(name);

	if (more)
		names->entry = more;
	if (!more || !copy) {
		free(copy);
		list_complain(names, name, false, -ENOMEM, RINGBUF_HOST_AUTO);
		return NULL;
	}
	e = &names->entry[names->count++];
	*e = (struct listed){
		.name = copy, .uid = st->st_uid, .gid = st->st_gid, .mode = st->st_mode & 0777
	};
	return e;
}

void list_drop(struct names *names)
{
	free(names->entry[--names->count].name);
}

int list_tell(struct listed *e, struct ringbuf *ring)
{
	struct ringbuf_status status = { .size = sizeof(status) };
	struct ringbuf_geometry geometry = { .size = sizeof(geometry) };
	int err;

	ringbuf_get_geometry(ring, &geometry);
	err = ringbuf_stats(ring, &status, NULL, 0);
	ringbuf_close(ring);
	if (err < 0)
		return err;
	e->slot_bytes = geometry.slot_bytes;
	e->slot_count = geometry.slot_count;
	e->head = status.head;
	e->flags = geometry.flags;
	e->policy = geometry.policy;
	e->readers = status.readers;
	e->writers = status.writers;
	return 0;
}

/* Return whether @err means that ringbufctl lacks a resource, not that the ring is damaged. */
static bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EOPNOTSUPP;
}

void list_complain(struct names *names, const char *name, bool by_file, int err,
		   enum ringbuf_host host)
{
	struct ringbuf_config config = { .host = host };
	char words[ERROR_WORDS_BYTES];

	ctl_say(name, "%s: %s", by_file ? "only its file is listed" : "not listed",
		error_words(words, ERROR_OPEN, err, &config));
	names->incomplete |= is_shortage(err);
}

/* ---- output ------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct listed *)a)->name, ((const struct listed *)b)->name);
}

/* Return whether the ring could be opened: slot_count is 0 if not, and in no ring. */
static bool is_known(const struct listed *e)
{
	return e->slot_count;
}

static void say_table(const struct names *names)
{
	char flags[64];
	size_t i;

	printf("%10s %8s %12s %7s %7s %5s %5s  %-20s %s\n", "slot bytes", "slots", "head",
	       "readers", "writers", "uid", "mode", "flags", "name");
	for (i = 0; i < names->count; i++) {
		const struct listed *e = &names->entry[i];

		if (is_known(e))
			printf("%10llu %8llu %12llu %7u %7u", (unsigned long long)e->slot_bytes,
			       (unsigned long long)e->slot_count, (unsigned long long)e->head,
			       e->readers, e->writers);
		else
			printf("%10s %8s %12s %7s %7s", "-", "-", "-", "-", "-");
		printf(" %5u  %04o  %-20s ", e->uid, e->mode,
		       ctl_flags(e->flags, e->policy, flags));
		ctl_print_name(e->name, strlen(e->name));
		putchar('\n');
	}
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* Add the members that need the ring open; each is null if it could not be opened. */
static void inside_json(json_t *j, const struct listed *e)
{
	const struct {
		const char *key;
		uint64_t value;
	} figures[] = {
		{ "slot_bytes", e->slot_bytes }, { "slots", e->slot_count }, { "head", e->head },
		{ "readers", e->readers },	 { "writers", e->writers },
	};
	const struct {
		const char *key;
		uint32_t flag;
	} flags[] = {
		{ "exclusive", RINGBUF_EXCLUSIVE },
		{ "timestamp", RINGBUF_TIMESTAMP },
		{ "kept", RINGBUF_KEPT },
	};
	bool known = is_known(e);
	size_t i;

	for (i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		json_object_set_new(j, figures[i].key,
				    known ? number(figures[i].value) : json_null());
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		json_object_set_new(j, flags[i].key,
				    known ? json_boolean(e->flags & flags[i].flag) : json_null());
	json_object_set_new(j, "policy", known ? json_string(policy_word(e->policy)) : json_null());
}

static json_t *entry_json(const struct listed *e)
{
	json_t *j = json_object();

	ctl_json_name(j, e->name, strlen(e->name));
	inside_json(j, e);
	json_object_set_new(j, "uid", number(e->uid));
	json_object_set_new(j, "gid", number(e->gid));
	json_object_set_new(j, "mode", json_sprintf("%04o", e->mode));
	return j;
}

static void say_json(const struct names *names)
{
	json_t *all = json_array();
	size_t i;

	for (i = 0; i < names->count; i++)
		json_array_append_new(all, entry_json(&names->entry[i]));
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

static void names_free(struct names *names)
{
	while (names->count)
		list_drop(names);
	free(names->entry);
}

/* Print a line on stderr about why @folder cannot be listed.  Return CTL_EXIT_FAILED. */
static int folder_fail(const struct ctl *c, const char *folder, int err)
{
	struct ringbuf_config config = { .host = c->host, .name = folder };
	char words[ERROR_WORDS_BYTES];

	ctl_say(folder, "%s", error_words(words, ERROR_LIST, err, &config));
	return CTL_EXIT_FAILED;
}

int ctl_list(const struct ctl *c)
{
	bool module = c->host == RINGBUF_HOST_MODULE;
	const char *folder = c->name ?: module ? rings_folder() : SHM_DIR;
	struct names names = { .entry = NULL };
	int err = module ? list_module(&names, folder) : list_embedded(&names);

	if (!err) {
		if (names.count)
			qsort(names.entry, names.count, sizeof(*names.entry), by_name);
		if (c->json)
			say_json(&names);
		else
			say_table(&names);
	}
	names_free(&names);
	if (err)
		return folder_fail(c, folder, err);
	return names.incomplete ? CTL_EXIT_FAILED : 0;
}
