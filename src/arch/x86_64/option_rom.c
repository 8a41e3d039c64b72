/* SPDX-License-Identifier: BSD-2-Clause */
/* Give option ROMs to firmware; see option_rom.h. */
#include <errno.h>
#include <unistd.h>

#include "arch/x86_64/option_rom.h"
#include "util/fd.h"

/* It has its size in units of 512 bytes, in one byte. */
#define MAX_SIZE (255ull * 512)

int option_rom_add(const struct option_rom *rom, struct fw_cfg *fw_cfg, struct err *err)
{
	struct fw_cfg_content content = { 0 };
	struct file_contents image;
	int failed;

	if (access(rom->path, F_OK) && errno == ENOENT)
		return err_set(err,
			       "no %s: %s is not there: install Debian's package \"%s\"",
			       rom->what, rom->path, rom->package);
	if (file_read(&image, rom->path, MAX_SIZE, err))
		return err_prefix(err, "%s ", rom->what);
	content.data = image.bytes.data;
	content.size = image.bytes.size;
	failed = fw_cfg_add_file(fw_cfg, rom->file, &content, err);
	file_release(&image);
	return failed;
}
