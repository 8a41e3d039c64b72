/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file systems. The guest's root is built in NEW_ROOT, in the initramfs:
 *
 *	/lower     the share INIT_TAG_ROOT, if there is an overlay
 *	/changes   a tmpfs: what the overlay has above it
 *	/new       the overlay, or the share itself
 *
 * It is moved to /, and the rest of the initramfs can be seen by nobody any more. Only then
 * comes what is mounted in it: a path such as /run may be a symlink, and means what it means
 * there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "private.h"

#define LOWER   "/lower"
#define CHANGES "/changes"

#define MSIZE "524288" /* Linux takes 500 KiB at most of virtio */

struct mount_row {
	const char *type, *path;
	unsigned long flags;
	const char *options;
	bool optional; /* the kernel may have been built without it */
};

/* What an option of the kernel's build, or a module, would give us. */
static const char *option_of(const char *type)
{
	static const char *const options[][2] = {
		{ "overlay", "CONFIG_OVERLAY_FS (module overlay)" },
		{ "tmpfs", "CONFIG_TMPFS" },
		{ "devtmpfs", "CONFIG_DEVTMPFS" },
		{ "devpts", "CONFIG_UNIX98_PTYS" },
		{ "proc", "CONFIG_PROC_FS" },
		{ "sysfs", "CONFIG_SYSFS" },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!strcmp(type, options[i][0]))
			return options[i][1];
	}
	return "an option";
}

static void mount_or_fail(struct init *init, const char *source, const char *path,
			  const char *type, unsigned long flags, const char *options)
{
	if (!mount(source, path, type, flags, options))
		return;
	if (errno == ENODEV)
		fail(init, "the kernel does not know the file system %s: it needs %s",
		     type, option_of(type));
	fail(init, "%s cannot be mounted on %s (%s): %m", source, path, options);
}

/* A folder that may be there. */
static void make_folder(const char *path)
{
	(void)mkdir(path, 0755);
}

void make_folders(const char *path)
{
	char part[PATH_MAX];

	for (size_t i = 1; path[i] && i < sizeof(part) - 1; i++) {
		if (path[i] != '/')
			continue;
		snprintf(part, i + 1, "%s", path);
		make_folder(part);
	}
	make_folder(path);
}

static void mount_row(struct init *init, const struct mount_row *row)
{
	make_folder(row->path);
	if (row->optional)
		(void)mount(row->type, row->path, row->type, row->flags, row->options);
	else
		mount_or_fail(init, row->type, row->path, row->type, row->flags,
			      row->options);
}

void mount_early(struct init *init)
{
	make_folder("/dev");
	make_folder("/sys");
	(void)mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=755");
	init->log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	mount_or_fail(init, "sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		      NULL);
}

static void mount_share(struct init *init, const char *tag, const char *path,
			const char *cache, bool read_only)
{
	char options[256];

	snprintf(options, sizeof(options),
		 "trans=virtio,version=9p2000.L,msize=" MSIZE ",cache=%s", cache);
	if (!mount(tag, path, "9p", read_only ? MS_RDONLY : 0, options))
		return;
	switch (errno) {
	case ENODEV:
		fail(init, "the kernel has no 9P: it needs CONFIG_9P_FS and "
			   "CONFIG_NET_9P_VIRTIO (modules 9p and 9pnet_virtio)");
	case ENOENT:
		fail(init,
		     "there is no share \"%s\", or the kernel sees none: it needs "
		     "CONFIG_NET_9P_VIRTIO (module 9pnet_virtio), and on PCI "
		     "CONFIG_VIRTIO_PCI (module virtio_pci)",
		     tag);
	default:
		fail(init, "the share \"%s\" cannot be mounted on %s (%s): %m", tag, path,
		     options);
	}
}

static void mount_lower(struct init *init)
{
	make_folder(NEW_ROOT);
	if (init->config.root == ROOT_RW) {
		mount_share(init, INIT_TAG_ROOT, NEW_ROOT, "mmap", false);
		return;
	}
	make_folder(LOWER);
	mount_share(init, INIT_TAG_ROOT, LOWER, "loose", true);
	make_folder(CHANGES);
	mount_or_fail(init, "tmpfs", CHANGES, "tmpfs", 0, "mode=755");
	make_folder(CHANGES "/upper");
	make_folder(CHANGES "/work");
	mount_or_fail(init, "overlay", NEW_ROOT, "overlay", 0,
		      "lowerdir=" LOWER ",upperdir=" CHANGES "/upper,workdir=" CHANGES
		      "/work,redirect_dir=on");
}

static void mount_further(struct init *init, const struct share *share)
{
	make_folders(share->path);
	if (access(share->path, F_OK))
		fail(init, "there is no folder %s for the share \"%s\": %m", share->path,
		     share->tag);
	mount_share(init, share->tag, share->path, share->cache, !share->writable);
}

/* Is the path the folder, or in it? */
static bool lies_in(const char *path, const char *folder)
{
	const size_t n = strlen(folder);

	return path && !strncmp(path, folder, n) && (!path[n] || path[n] == '/');
}

/* A tmpfs must not hide what the user has there and asks for. */
static bool is_wanted(const struct config *config, const char *folder)
{
	if (lies_in(config->cwd, folder))
		return true;
	for (unsigned i = 0; i < config->nr_shares; i++) {
		if (lies_in(config->shares[i].path, folder))
			return true;
	}
	return false;
}

static void mount_system(struct init *init)
{
	static const unsigned long safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	/* /dev and /sys first: errors go through a port. */
	static const struct mount_row rows[] = {
		{ "devtmpfs", "/dev", MS_NOSUID, "mode=755", false },
		{ "sysfs", "/sys", safe, NULL, false },
		{ "proc", "/proc", safe, NULL, false },
		{ "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
		  "gid=5,mode=620,ptmxmode=666", true },
		{ "tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", false },
		{ "debugfs", "/sys/kernel/debug", safe, "mode=700", true },
		{ "tracefs", "/sys/kernel/tracing", safe, "mode=700", true },
		{ "cgroup2", "/sys/fs/cgroup", safe, NULL, true },
	};
	static const struct mount_row scratch[] = {
		{ "tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755", false },
		{ "tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		mount_row(init, &rows[i]);
	for (size_t i = 0; i < sizeof(scratch) / sizeof(scratch[0]); i++) {
		if (!is_wanted(&init->config, scratch[i].path))
			mount_row(init, &scratch[i]);
	}
}

/* What udev would make. */
static void make_links(void)
{
	(void)symlink("/proc/self/fd", "/dev/fd");
	(void)symlink("/proc/self/fd/0", "/dev/stdin");
	(void)symlink("/proc/self/fd/1", "/dev/stdout");
	(void)symlink("/proc/self/fd/2", "/dev/stderr");
}

void mount_root(struct init *init)
{
	mount_lower(init);
	if (chdir(NEW_ROOT) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot("."))
		fail(init, "cannot enter the root: %m");
	mount_system(init);
	make_links();
	/* After /tmp and /run: they may lie there. */
	for (unsigned i = 0; i < init->config.nr_shares; i++)
		mount_further(init, &init->config.shares[i]);
}
