/* SPDX-License-Identifier: GPL-2.0 */
/* The file of --config, in TOML, taken apart; what its keys mean is not known here. */
#ifndef BRIDGE_CONFIG_FILE_H
#define BRIDGE_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum config_type { CONFIG_TEXT, CONFIG_NUMBER, CONFIG_FLAG };

/**
 * struct config_entry - a key and its value
 * @line: line of the file
 * @key: the key, or NULL: here the table @value begins
 * @value: the value as text; of a flag "true" or "false"
 * @type: of the value
 */
struct config_entry {
	unsigned int line;
	char *key;
	char *value;
	enum config_type type;
};

/**
 * struct config_file - all keys: first those before all tables, then those of each [[table]]
 * @entry: the entries
 * @count: how many entries there are
 * @line: if the file is wrong: the line, or 0 if it cannot be read
 * @why: if the file is wrong: what is wrong
 */
struct config_file {
	struct config_entry *entry;
	size_t count;
	unsigned int line;
	char why[256];
};

/*
 * Read the file.  @tables: names of its arrays of tables, then NULL
 * Return false after setting @c->line and @c->why; then there are no entries.
 */
bool config_file_read(struct config_file *c, const char *path, const char *const tables[]);

/* Free the entries. */
void config_file_free(struct config_file *c);

#ifdef __cplusplus
}
#endif

#endif /* BRIDGE_CONFIG_FILE_H */
