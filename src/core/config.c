/* SPDX-License-Identifier: BSD-2-Clause */
/* Defaults and checks of a VM's configuration; see config.h. */
#include <stdio.h>
#include <string.h>

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

bool config_console_is_virtio(const struct vm_config *config)
{
	return config->nr_ports && config->ports[0].kind == SERIAL_CONSOLE;
}

const char *config_size(uint64_t bytes, char to[CONFIG_SIZE_TEXT])
{
	static const char units[] = "BKMGT";
	unsigned i = 0;

	while (units[i + 1] && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	snprintf(to, CONFIG_SIZE_TEXT, "%llu%c", (unsigned long long)bytes, units[i]);
	return to;
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
	if (config->nr_disks || config->nr_nets || config->nr_ports || config->rng ||
	    config->balloon || config->vsock_cid)
		return err_set(err,
			       "a ROM has no devices: --disk, --net and the like belong "
			       "to --kernel");
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

/* At most one console has the terminal. */
static int validate_ports(const struct vm_config *config, struct err *err)
{
	if (config_console_is_virtio(config)) {
		for (unsigned i = 0; i < CONFIG_MAX_UARTS; i++) {
			if (config->serials[i].kind == SERIAL_CONSOLE)
				return err_set(
					err,
					"--serial: hvc0 is the console already, so "
					"COM%u cannot be",
					i + 1);
		}
	}
	for (unsigned i = 1; i < config->nr_ports; i++) {
		for (unsigned j = 1; j < i; j++) {
			if (strcmp(config->ports[i].name, config->ports[j].name) == 0)
				return err_set(err, "--port: two ports named \"%s\"",
					       config->ports[i].name);
		}
	}
	return 0;
}

static int validate_disk(const struct config_disk *disk, struct err *err)
{
	const unsigned size = disk->block_size;

	if (disk->id && strlen(disk->id) > 20)
		return err_set(err, "--disk \"%s\": id=%s: at most 20 bytes", disk->path,
			       disk->id);
	if (size & (size - 1))
		return err_set(
			err,
			"--disk \"%s\": block-size=%u: 512, 1024, 2048 and 4096 are "
			"possible",
			disk->path, size);
	return 0;
}

static int validate_net(const struct config_net *net, struct err *err)
{
	static const uint8_t nobody[6];

	/* IEEE 802: bit 0 of the first byte is a group; no card has such an address. */
	if (net->has_mac && ((net->mac[0] & 1) || !memcmp(net->mac, nobody, 6)))
		return err_set(err,
			       "--net: mac=%02x:%02x:%02x:%02x:%02x:%02x is not the "
			       "address of one card (try 52:54:00:...)",
			       net->mac[0], net->mac[1], net->mac[2], net->mac[3],
			       net->mac[4], net->mac[5]);
	if (net->kind == NET_TAP && net->ifname && net->fd >= 0)
		return err_set(err, "--net tap: ifname= and fd= exclude each other");
	if (net->kind == NET_TAP && net->fd >= 0 && net->queues > 1)
		return err_set(err, "--net tap: fd= is one queue, so queues=%u cannot be",
			       net->queues);
	return 0;
}

static int validate_devices(const struct vm_config *config, struct err *err)
{
	for (unsigned i = 0; i < config->nr_disks; i++) {
		if (validate_disk(&config->disks[i], err))
			return -1;
	}
	for (unsigned i = 0; i < config->nr_nets; i++) {
		if (validate_net(&config->nets[i], err))
			return -1;
	}
	if (config->balloon && config->balloon_size >= config->memory)
		return err_set(
			err,
			"--balloon: %llu MiB cannot be taken from a guest of %llu MiB "
			"(--mem)",
			(unsigned long long)(config->balloon_size >> 20),
			(unsigned long long)(config->memory >> 20));
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
	return validate_ports(config, err) || validate_devices(config, err) ? -1 : 0;
}
