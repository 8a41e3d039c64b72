/* SPDX-License-Identifier: BSD-2-Clause */
/* Which tests there are; see test_paths.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd/test_paths.h"

#define MAX_DEPTH 32

static int add(struct test_paths *found, const char *path, struct err *err)
{
	char **paths = realloc(found->paths, (found->nr + 1) * sizeof(*paths));

	if (!paths)
		return err_set(err, "no memory");
	found->paths = paths;
	paths[found->nr] = strdup(path);
	if (!paths[found->nr])
		return err_set(err, "no memory");
	found->nr++;
	return 0;
}

static bool is_test(const char *name)
{
	static const char suffix[] = ".test";
	const size_t n = strlen(name);

	return n > strlen(suffix) && strcmp(name + n - strlen(suffix), suffix) == 0;
}

static int add_folder(struct test_paths *found, const char *path, unsigned depth,
		      struct err *err);

static int add_entry(struct test_paths *found, const char *folder, const char *name,
		     unsigned depth, struct err *err)
{
	const bool is_here = strcmp(folder, ".") == 0;
	const bool has_slash = folder[strlen(folder) - 1] == '/';
	struct stat st;
	char *path;
	int r = 0;

	if (name[0] == '.')
		return 0;
	if (asprintf(&path, "%s%s%s", is_here ? "" : folder,
		     is_here || has_slash ? "" : "/", name) < 0)
		return err_set(err, "no memory");
	if (!lstat(path, &st)) {
		if (S_ISDIR(st.st_mode))
			r = add_folder(found, path, depth + 1, err);
		else if (is_test(name) && !stat(path, &st) && S_ISREG(st.st_mode))
			r = add(found, path, err);
	}
	free(path);
	return r;
}

static int add_folder(struct test_paths *found, const char *path, unsigned depth,
		      struct err *err)
{
	struct dirent **entries;
	int n, r = 0;

	if (depth > MAX_DEPTH)
		return err_set(err, "\"%s\": more than %d folders in each other", path,
			       MAX_DEPTH);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return err_errno(err, "\"%s\"", path);
	for (int i = 0; i < n; i++) {
		if (!r)
			r = add_entry(found, path, entries[i]->d_name, depth, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int add_word(struct test_paths *found, const char *word, struct err *err)
{
	const size_t before = found->nr;
	struct stat st;

	if (stat(word, &st))
		return err_errno(err, "\"%s\"", word);
	if (!S_ISDIR(st.st_mode))
		return add(found, word, err);
	if (add_folder(found, word, 0, err))
		return -1;
	if (found->nr == before)
		return err_set(err, "\"%s\": no file in it ends in .test", word);
	return 0;
}

int test_paths_find(struct test_paths *found, char *const *words, unsigned nr,
		    struct err *err)
{
	*found = (struct test_paths){ .nr = 0 };
	for (unsigned i = 0; i < nr; i++) {
		if (add_word(found, words[i], err))
			return -1;
	}
	return 0;
}

void test_paths_free(struct test_paths *paths)
{
	for (size_t i = 0; i < paths->nr; i++)
		free(paths->paths[i]);
	free(paths->paths);
}
