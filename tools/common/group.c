// SPDX-License-Identifier: GPL-2.0
/* See group.h. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "group.h"

const char *group_words(char *words, size_t bytes, const char *path, const char *otherwise)
{
	const struct group *group;
	const struct passwd *user;
	struct stat st;

	if (stat(path, &st) || !(st.st_mode & S_IWGRP) || !st.st_gid || group_member(st.st_gid))
		return otherwise;
	group = getgrgid(st.st_gid);
	user = getpwuid(geteuid());
	if (!group)
		return otherwise;
	snprintf(words, bytes,
		 "Permission denied: %.200s belongs to group %s (as root: usermod -aG %s %s; then "
		 "log in again)",
		 path, group->gr_name, group->gr_name, user ? user->pw_name : "USER");
	return words;
}
