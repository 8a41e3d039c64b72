/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default kernel.
 *
 * Distributions call it vmlinuz-RELEASE, of riscv64 vmlinux-RELEASE. Some keep it from all
 * but root: then the next best that can be read is taken, and if there is none the
 * user is told what to do.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/arch.h"
#include "cmd/default_kernel.h"

#define NR(table) (sizeof(table) / sizeof((table)[0]))

static const char *const prefixes[] = { "vmlinuz-", "vmlinux-" };

/* What a build of the kernel leaves in arch/FOLDER/boot, the best first. */
static const struct {
	const char *arch, *folder;
	const char *names[4];
} builds[] = {
	{ "x86_64", "x86", { "bzImage" } },
	{ "arm64", "arm64", { "Image", "Image.gz", "vmlinuz.efi" } },
	{ "riscv64", "riscv", { "Image", "Image.gz", "vmlinuz.efi" } },
};

/* false: it does not fit. */
static bool format_path(char *path, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool format_path(char *path, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(path, size, format, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < size;
}

/* A kernel that is there, and cannot be read, is noted in `refused` if it is the first. */
static bool is_readable(const char *path, char refused[PATH_MAX])
{
	struct stat st;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return false;
	if (euidaccess(path, R_OK) == 0)
		return true;
	if (errno == EACCES && !refused[0])
		snprintf(refused, PATH_MAX, "%s", path);
	return false;
}

static bool find_running(const struct kernel_places *places, char *path, size_t size,
			 char refused[PATH_MAX])
{
	for (size_t i = 0; i < NR(prefixes); i++) {
		if (format_path(path, size, "%s/%s%s", places->boot, prefixes[i],
				places->release) &&
		    is_readable(path, refused))
			return true;
	}
	return false;
}

/* The release in the name of a kernel's file; NULL: it is none. */
static const char *release_of(const char *name)
{
	for (size_t i = 0; i < NR(prefixes); i++) {
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return name + strlen(prefixes[i]);
	}
	return NULL;
}

static bool ends_with(const char *text, const char *end)
{
	const size_t length = strlen(text), n = strlen(end);

	return length >= n && strcmp(text + length - n, end) == 0;
}

/* Releases begin with a number; and what is kept or under way beside a kernel is none. */
static int is_kernel(const struct dirent *entry)
{
	static const char *const others[] = { "~", ".old", ".bak", ".dpkg-new",
					      ".dpkg-tmp" };
	const char *release = release_of(entry->d_name);

	if (!release || !isdigit((unsigned char)release[0]))
		return false;
	for (size_t i = 0; i < NR(others); i++) {
		if (ends_with(release, others[i]))
			return false;
	}
	return true;
}

/* The newest first, in the order of versions: 6.1.0-9 is older than 6.1.0-10. */
static int compare(const struct dirent **a, const struct dirent **b)
{
	return strverscmp(release_of((*b)->d_name), release_of((*a)->d_name));
}

static bool find_newest(const struct kernel_places *places, char *path, size_t size,
			char refused[PATH_MAX])
{
	struct dirent **entries;
	const int n = scandir(places->boot, &entries, is_kernel, compare);
	bool found = false;

	for (int i = 0; i < n; i++) {
		if (!found &&
		    format_path(path, size, "%s/%s", places->boot, entries[i]->d_name))
			found = is_readable(path, refused);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return found;
}

static bool find_built(const struct kernel_places *places, char *path, size_t size,
		       char refused[PATH_MAX])
{
	for (size_t i = 0; i < NR(builds); i++) {
		if (strcmp(builds[i].arch, arch_name) != 0)
			continue;
		for (size_t j = 0; builds[i].names[j]; j++) {
			if (format_path(path, size, "%s/%s/boot/%s", places->sources,
					builds[i].folder, builds[i].names[j]) &&
			    is_readable(path, refused))
				return true;
		}
	}
	return false;
}

/* Debian's name of this architecture. */
static const char *debian_name(void)
{
	return strcmp(arch_name, "x86_64") == 0 ? "amd64" : arch_name;
}

int default_kernel(const struct kernel_places *places, char *path, size_t size,
		   struct err *err)
{
	char refused[PATH_MAX] = "";

	if (find_running(places, path, size, refused) ||
	    find_newest(places, path, size, refused) ||
	    find_built(places, path, size, refused))
		return 0;
	if (refused[0])
		return err_set(err,
			       "kernel \"%s\": only root may read it: let others, too "
			       "(sudo chmod a+r %s), or name another one (-k FILE)",
			       refused, refused);
	return err_set(err,
		       "no kernel in %s, nor in ./%s of a kernel's sources: install a "
		       "package of one (Debian: linux-image-%s), or name one (-k FILE)",
		       places->boot, places->sources, debian_name());
}

/* -- modules -- */

/* depmod(8) makes this file. */
static bool is_modules_folder(const char *path)
{
	char list[PATH_MAX];

	return format_path(list, sizeof(list), "%s/modules.dep", path) &&
	       access(list, R_OK) == 0;
}

/* Below the user's folder: it may be the very one, or the root of a tree. */
static int find_asked(const char *asked, const char *release, char *path, size_t size,
		      struct err *err)
{
	if (format_path(path, size, "%s", asked) && is_modules_folder(path))
		return 0;
	if (format_path(path, size, "%s/%s", asked, release) && is_modules_folder(path))
		return 0;
	if (format_path(path, size, "%s/lib/modules/%s", asked, release) &&
	    is_modules_folder(path))
		return 0;
	return err_set(
		err,
		"--modules \"%s\": there is no modules.dep of the kernel %s there, "
		"nor in lib/modules/%s below: depmod makes it",
		asked, release[0] ? release : "(whose release is unknown)", release);
}

/* In the folder of the kernel's file, or in the tree that it was unpacked with. */
static bool find_beside(const char *kernel, const char *release, char *path, size_t size)
{
	static const char *const places[] = { "lib/modules", "root/lib/modules",
					      "../lib/modules", "../usr/lib/modules" };
	const char *slash = strrchr(kernel, '/');
	const int length = slash ? (int)(slash - kernel) : 1;

	for (size_t i = 0; i < NR(places); i++) {
		if (format_path(path, size, "%.*s/%s/%s", length, slash ? kernel : ".",
				places[i], release) &&
		    is_modules_folder(path))
			return true;
	}
	return false;
}

int kernel_modules(const struct kernel_places *places, const char *kernel,
		   const char *release, const char *asked, char *path, size_t size,
		   struct err *err)
{
	if (asked)
		return find_asked(asked, release, path, size, err);
	/* Another build of the same release may be installed, with modules of its own. */
	if (!release[0] ||
	    (!find_beside(kernel, release, path, size) &&
	     (!format_path(path, size, "%s/%s", places->modules, release) ||
	      !is_modules_folder(path))))
		path[0] = '\0';
	return 0;
}
