// SPDX-License-Identifier: GPL-2.0
/* See config_file.h.  In C++ for toml++, since Debian has no library for TOML in C. */
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <string_view>
#include <toml++/toml.h>

#include "config_file.h"

namespace {

/* What is wrong with the file, and in which line. */
struct wrong {
	unsigned int line;
	std::string what;
};

unsigned int line_of(const toml::node &node)
{
	return node.source().begin.line;
}

char *copy(const std::string &text)
{
	char *c = strdup(text.c_str());

	if (!c)
		throw std::bad_alloc();
	return c;
}

void add(config_file *c, const toml::node &node, const char *key, const std::string &value,
	 config_type type)
{
	void *all = realloc(c->entry, (c->count + 1) * sizeof(*c->entry));

	if (!all)
		throw std::bad_alloc();
	c->entry = static_cast<config_entry *>(all);
	c->entry[c->count++] = { line_of(node), nullptr, nullptr, type };
	c->entry[c->count - 1].value = copy(value);
	if (key)
		c->entry[c->count - 1].key = copy(key);
}

void add_value(config_file *c, std::string_view name, const toml::node &node)
{
	const std::string key(name);

	if (const auto *text = node.as_string()) {
		if (text->get().find('\0') != std::string::npos)
			throw wrong{ line_of(node), key + ": a null character" };
		add(c, node, key.c_str(), text->get(), CONFIG_TEXT);
	} else if (const auto *whole = node.as_integer()) {
		add(c, node, key.c_str(), std::to_string(whole->get()), CONFIG_NUMBER);
	} else if (const auto *number = node.as_floating_point()) {
		add(c, node, key.c_str(), std::to_string(number->get()), CONFIG_NUMBER);
	} else if (const auto *flag = node.as_boolean()) {
		add(c, node, key.c_str(), flag->get() ? "true" : "false", CONFIG_FLAG);
	} else {
		throw wrong{ line_of(node), key + ": not text, a number, true or false" };
	}
}

/* Add all tables [[@name]]. */
void add_tables(config_file *c, const char *name, const toml::node &node)
{
	if (!node.is_array_of_tables())
		throw wrong{ line_of(node), std::string(name) + ": write [[" + name + "]]" };
	for (const toml::node &table : *node.as_array()) {
		add(c, table, nullptr, name, CONFIG_TEXT);
		for (const auto &[key, value] : *table.as_table())
			add_value(c, key.str(), value);
	}
}

bool has(const char *const tables[], std::string_view name)
{
	while (*tables && name != *tables)
		tables++;
	return *tables;
}

void read(config_file *c, const char *path, const char *const tables[])
{
	std::ifstream stream(path, std::ios::binary);

	if (!stream)
		throw wrong{ 0, strerror(errno) };

	const toml::table top = toml::parse(stream, std::string_view(path));

	/* A folder can be opened, too. */
	if (stream.bad())
		throw wrong{ 0, strerror(errno) };

	for (const auto &[key, value] : top) {
		if (has(tables, key.str()))
			continue;
		if (value.is_table() || value.is_array_of_tables())
			throw wrong{ line_of(value), std::string(key.str()) + ": unknown table" };
		add_value(c, key.str(), value);
	}
	for (; *tables; tables++)
		if (const toml::node *node = top.get(*tables))
			add_tables(c, *tables, *node);
}

void fail(config_file *c, unsigned int line, std::string_view why)
{
	config_file_free(c);
	c->line = line;
	snprintf(c->why, sizeof(c->why), "%.*s", static_cast<int>(why.size()), why.data());
}

} // namespace

bool config_file_read(config_file *c, const char *path, const char *const tables[])
{
	*c = {};
	try {
		read(c, path, tables);
		return true;
	} catch (const toml::parse_error &e) {
		fail(c, e.source().begin.line, e.description());
	} catch (const wrong &e) {
		fail(c, e.line, e.what);
	} catch (const std::exception &e) {
		fail(c, 0, e.what());
	}
	return false;
}

void config_file_free(config_file *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->entry[i].key);
		free(c->entry[i].value);
	}
	free(c->entry);
	*c = {};
}
