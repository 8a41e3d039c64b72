/* SPDX-License-Identifier: BSD-2-Clause */
/* The initramfs of a guest that runs a command; see initramfs.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/initramfs.h"
#include "boot/modules.h"
#include "guest/init.h"

/* The program, by guest/init/init_image.S. */
extern const uint8_t init_image[];
extern const uint64_t init_image_size;

#define MAX_WANTED 16

/*
 * The modules for the devices of this VM, in the order in which they are needed: the
 * console first, as it takes a while to come up, and the init does not wait for it before
 * it has to. Those which these need come by themselves.
 */
static unsigned list_wanted(const struct vm_config *config,
			    const char *wanted[MAX_WANTED])
{
	const bool is_mmio = config->virtio == VIRTIO_MMIO;
	const bool has_disk = config_count_disks(config, DISK_VIRTIO) != 0;
	const struct {
		bool wanted;
		const char *name;
	} rows[] = {
		{ !is_mmio, "virtio_pci" },
		{ is_mmio, "virtio_mmio" },
		{ true, "virtio_console" },
		{ true, "9pnet_virtio" },
		{ true, "9p" },
		{ !config->command.writable, "overlay" },
		{ config->nr_nets != 0, "virtio_net" },
		{ has_disk, "virtio_blk" },
		{ config->rng, "virtio_rng" },
		{ config->balloon, "virtio_balloon" },
		{ config->vsock_cid != 0, "vmw_vsock_virtio_transport" },
	};
	unsigned nr = 0;

	_Static_assert(sizeof(rows) / sizeof(rows[0]) <= MAX_WANTED,
		       "each has its place");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].wanted)
			wanted[nr++] = rows[i].name;
	}
	return nr;
}

static int find_modules(const struct vm_config *config, struct modules *modules,
			struct err *err)
{
	const char *wanted[MAX_WANTED];
	const unsigned nr = list_wanted(config, wanted);

	*modules = MODULES_NONE;
	if (!config->command.modules_dir)
		return 0;
	return modules_find(modules, config->command.modules_dir, wanted, nr, err);
}

static int add_module(struct cpio *archive, const struct modules *modules,
		      const struct module *module, struct err *err)
{
	char file[sizeof(INIT_PATH_MODULES) + MODULES_NAME_SIZE + 8];
	struct module_data data;
	int r;

	if (modules_read(modules, module, &data, err))
		return -1;
	snprintf(file, sizeof(file), INIT_PATH_MODULES "/%s.ko", module->name);
	r = cpio_add_file(archive, file, 0644, data.bytes, err);
	modules_release(&data);
	return r;
}

/* What the caller says to the init, and behind it the names of the modules. */
static int add_config(struct cpio *archive, struct bytes record,
		      const struct modules *modules, struct err *err)
{
	static const char key[] = INIT_KEY_MODULE "=";
	const size_t most = sizeof(key) + MODULES_NAME_SIZE;
	char *text, *at;
	int r;

	if (record.size > INIT_CONFIG_MAX)
		return err_set(err,
			       "the command and its environment are larger than %u MiB",
			       INIT_CONFIG_MAX >> 20);
	text = malloc(record.size + modules->nr * most + 1);
	if (!text)
		return err_set(err, "initramfs: no memory");
	if (record.size)
		memcpy(text, record.data, record.size);
	at = text + record.size;
	for (unsigned i = 0; i < modules->nr; i++)
		at += snprintf(at, most, "%s%s", key, modules->all[i].name) + 1;
	r = cpio_add_file(archive, INIT_PATH_CONFIG, 0600,
			  (struct bytes){ (uint8_t *)text, (size_t)(at - text) }, err);
	free(text);
	return r;
}

static int fill(struct cpio *archive, struct bytes record, const struct modules *modules,
		struct err *err)
{
	const struct bytes init = { init_image, init_image_size };

	if (cpio_add_file(archive, INIT_PATH_INIT, 0755, init, err) ||
	    cpio_add_folder(archive, "tane", err) ||
	    cpio_add_folder(archive, INIT_PATH_MODULES, err))
		return -1;
	for (unsigned i = 0; i < modules->nr; i++) {
		if (add_module(archive, modules, &modules->all[i], err))
			return -1;
	}
	return add_config(archive, record, modules, err) || cpio_finish(archive, err) ? -1
										      : 0;
}

int initramfs_build(const struct vm_config *config, struct cpio *archive, struct err *err)
{
	struct modules modules;
	int r;

	*archive = (struct cpio){ 0 };
	if (find_modules(config, &modules, err))
		return -1;
	r = fill(archive, config->command.record, &modules, err);
	modules_free(&modules);
	if (r)
		cpio_free(archive);
	return r;
}
