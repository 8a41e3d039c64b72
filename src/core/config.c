/* SPDX-License-Identifier: BSD-2-Clause */
/* Defaults and checks of a VM's configuration; see config.h. */
#include "core/config.h"
#include "core/memory.h"

void config_init(struct vm_config *config)
{
	*config = (struct vm_config){
		.memory = CONFIG_DEFAULT_MEMORY,
		.cpus = 1,
		.serials[0] = { .kind = SERIAL_CONSOLE },
		.io_threads = CONFIG_AUTO_IO_THREADS,
	};
}

static int validate_rom(const struct vm_config *config, struct err *err)
{
	if (config->kernel)
		return err_set(err, "--rom and --kernel exclude each other");
	if (config->nr_initrds || config->params || config->protocol != BOOT_AUTO)
		return err_set(
			err,
			"--initrd, --params and --boot belong to --kernel, not to --rom");
	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (config->serials[i].kind != (i ? SERIAL_ABSENT : SERIAL_CONSOLE))
			return err_set(err,
				       "--console and --serial belong to --kernel: a ROM "
				       "has one port, 0x01, which prints");
	}
	if (config->debug_exit)
		return err_set(err, "--debug-exit belongs to --kernel, not to --rom");
	if (config->cpus != 1)
		return err_set(err, "--rom runs on one CPU, not on %u", config->cpus);
	return 0;
}

/* One terminal serves one port. */
static int validate_serials(const struct vm_config *config, struct err *err)
{
	unsigned first = 0; /* COM1 is number 1 */

	for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
		if (config->serials[i].kind != SERIAL_CONSOLE)
			continue;
		if (first)
			return err_set(err,
				       "--serial: COM%u is the console already, so COM%u "
				       "cannot be (--console none frees COM1)",
				       first, i + 1);
		first = i + 1;
	}
	return 0;
}

int config_validate(const struct vm_config *config, struct err *err)
{
	if (!config->kernel && !config->rom)
		return err_set(
			err,
			"nothing to boot: name a kernel (-k FILE) or a ROM (--rom FILE)");
	if (validate_serials(config, err) || (config->rom && validate_rom(config, err)))
		return -1;
	if (!config->cpus || config->cpus > CONFIG_MAX_CPUS)
		return err_set(err, "--cpus %u: 1 to %d are possible", config->cpus,
			       CONFIG_MAX_CPUS);
	if (!config->memory || config->memory % MEMORY_PAGE_SIZE)
		return err_set(
			err, "--mem: %llu bytes: must be a multiple of 4 KiB, and not 0",
			(unsigned long long)config->memory);
	if (config->kernel && config->memory < 2u << 20)
		return err_set(err, "--mem: %llu KiB: a kernel needs at least 2 MiB",
			       (unsigned long long)(config->memory >> 10));
	return 0;
}
