// SPDX-License-Identifier: GPL-2.0
/* See group.h. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "group.h"

static const char *user_name(void)
{
	const struct passwd *user = getpwuid(geteuid());

	return user ? user->pw_name : "USER";
}

const char *group_words(char *words, size_t bytes, const char *path, const char *otherwise)
{
	const struct group *group;
	struct stat st;

	if (stat(path, &st) || !(st.st_mode & S_IWGRP) || group_member(st.st_gid))
		return otherwise;
	/* The packages' udev rule names a group; without that group the device stays root's. */
	if (!st.st_gid && !strcmp(path, "/dev/ringbuf")) {
		snprintf(words, bytes,
			 "Permission denied: %s belongs to group root instead of ringbuf (as root: "
			 "groupadd -f --system ringbuf; udevadm trigger --name-match=ringbuf; "
			 "usermod -aG ringbuf %s; then log in again)",
			 path, user_name());
		return words;
	}
	group = st.st_gid ? getgrgid(st.st_gid) : NULL;
	if (!group)
		return otherwise;
	snprintf(words, bytes,
		 "Permission denied: %.200s belongs to group %s (as root: usermod -aG %s %s; then "
		 "log in again)",
		 path, group->gr_name, group->gr_name, user_name());
	return words;
}
