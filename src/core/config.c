/* SPDX-License-Identifier: BSD-2-Clause */
/* Defaults and checks of a VM's configuration; see config.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/config.h"
#include "core/memory.h"

void config_init(struct vm_config *config)
{
	*config = (struct vm_config){
		.memory = CONFIG_DEFAULT_MEMORY,
		.memory_by_default = true,
		.cpus = 1,
		.serials[0] = { .kind = SERIAL_CONSOLE, .by_default = true },
		.io_threads = CONFIG_AUTO_IO_THREADS,
	};
}

enum serial_kind config_end(const struct vm_config *config, enum serial_kind kind)
{
	return config->tapped && kind == SERIAL_CONSOLE ? SERIAL_NULL : kind;
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

bool config_boots_from(const struct vm_config *config, enum boot_source source)
{
	for (unsigned i = 0; i < config->nr_boot_order; i++) {
		if (config->boot_order[i] == source)
			return true;
	}
	return false;
}

void config_boot_from(struct vm_config *config, enum boot_source source)
{
	if (!config_boots_from(config, source))
		config->boot_order[config->nr_boot_order++] = source;
}

bool config_boots_something(const struct vm_config *config)
{
	return config->kernel || config->rom || config->firmware || config->nr_disks ||
	       config->nr_floppies || config_boots_from(config, BOOT_FROM_NET);
}

/* Constants, so that a copy of the configuration holds no pointer into the first. */
static const char *default_tag(unsigned share)
{
	static const char *const tags[CONFIG_MAX_SHARES] = {
		"share0",  "share1",  "share2",  "share3",  "share4",  "share5",
		"share6",  "share7",  "share8",  "share9",  "share10", "share11",
		"share12", "share13", "share14", "share15",
	};

	return tags[share];
}

void config_complete(struct vm_config *config)
{
	for (unsigned i = 0; i < config->nr_shares; i++) {
		if (!config->shares[i].tag)
			config->shares[i].tag = default_tag(i);
	}
	if (config->command.enabled) {
		if (config->memory_by_default)
			config->memory = CONFIG_COMMAND_MEMORY;
		/* The guest's life is the command's; COM1 keeps what the kernel says. */
		config->no_reboot = true;
		config->tapped = true;
	}
	if (!config->kernel && !config->rom && !config->command.enabled &&
	    (config->nr_disks || config->nr_floppies ||
	     config_boots_from(config, BOOT_FROM_NET)))
		config->firmware = true;
	if (config->display != DISPLAY_NONE || config->screen_dump)
		config->screen = true;
	/* The screen takes the terminal. A ROM has no serial port to be quiet. */
	if (config->display != DISPLAY_NONE && config->serials[0].by_default &&
	    !config->rom)
		config->serials[0].kind = SERIAL_NULL;
}

/* The boot ROM is for a card on PCI. */
static int validate_net_boot(const struct vm_config *config, struct err *err)
{
	if (!config_boots_from(config, BOOT_FROM_NET))
		return 0;
	if (!config->nr_nets)
		return err_set(err, "--boot net: there is no network: add -n user or "
				    "-n tap");
	if (config->virtio != VIRTIO_PCI)
		return err_set(err, "--boot net: firmware boots from networks on PCI "
				    "only: leave --virtio mmio out");
	return 0;
}

/* A protocol is for a kernel, an order for firmware. */
static int validate_boot(const struct vm_config *config, struct err *err)
{
	/* A command has a kernel: the default one, if nobody names it. */
	const bool has_kernel = config->kernel || config->command.enabled;

	if ((config->nr_initrds || config->params) && !has_kernel && !config->rom)
		return err_set(err, "--initrd and --params belong to --kernel: firmware "
				    "boots what is on the disk");
	if (config->trace_firmware && !config->firmware)
		return err_set(err, "--trace=firmware: there is no firmware (--bios adds "
				    "it)");
	if (config->boot_order_asked && !config->firmware)
		return err_set(err,
			       "--boot with disk, cdrom, floppy or net is for firmware: "
			       "add --bios, which boots the kernel first");
	if (config->protocol != BOOT_AUTO && !has_kernel && !config->rom)
		return err_set(err, "--boot with a protocol belongs to --kernel");
	if (config->firmware && config->kernel && config->protocol != BOOT_AUTO &&
	    config->protocol != BOOT_LINUX)
		return err_set(
			err, "--kernel with --bios: firmware boots a bzImage by the boot "
			     "protocol of Linux only; leave --bios out");
	return validate_net_boot(config, err);
}

unsigned config_count_disks(const struct vm_config *config, enum disk_interface interface)
{
	unsigned n = 0;

	for (unsigned i = 0; i < config->nr_disks; i++)
		n += config->disks[i].interface == interface;
	return n;
}

const char *config_disk_kind(const struct config_disk *disk)
{
	return disk->cdrom ? "CD-ROM" : "disk";
}

const char *config_share_option(const struct config_share *share)
{
	return share->is_root ? "--root" : "--share";
}

static int validate_rom(const struct vm_config *config, struct err *err)
{
	if (config->kernel)
		return err_set(err, "--rom and --kernel exclude each other");
	if (config->firmware)
		return err_set(err, "--rom and --bios exclude each other");
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
	if (config->nr_disks || config->nr_floppies || config->nr_nets ||
	    config->nr_ports || config->nr_shares || config->rng || config->balloon ||
	    config->vsock_cid)
		return err_set(err,
			       "a ROM has no devices: --disk, --net and the like belong "
			       "to --kernel");
	if (config->cpus != 1)
		return err_set(err, "--rom runs on one CPU, not on %u", config->cpus);
	return 0;
}

/* One terminal serves one port; a listener has an ear for each. */
static int validate_serials(const struct vm_config *config, struct err *err)
{
	unsigned first = 0; /* COM1 is number 1 */

	for (unsigned i = 0; i < CONFIG_MAX_UARTS && !config->tapped; i++) {
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
	if (config_console_is_virtio(config) && !config->tapped) {
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

/* The terminal shows the screen, or it is a console. */
static int validate_display(const struct vm_config *config, struct err *err)
{
	if (config->display == DISPLAY_NONE)
		return 0;
	for (unsigned i = 0; i < CONFIG_MAX_UARTS && !config->rom; i++) {
		if (config->serials[i].kind == SERIAL_CONSOLE)
			return err_set(
				err,
				"--display text: the terminal is the console of "
				"COM%u already (try --serial %u=file:PATH, or pty)",
				i + 1, i + 1);
	}
	if (config_console_is_virtio(config))
		return err_set(err, "--display text: the terminal is the console of hvc0 "
				    "already; --console virtio excludes it");
	return 0;
}

static int validate_disk(const struct config_disk *disk, struct err *err)
{
	const unsigned size = disk->block_size;

	if (disk->id && strlen(disk->id) > 20)
		return err_set(err, "--disk \"%s\": id=%s: at most 20 bytes", disk->path,
			       disk->id);
	if (disk->interface == DISK_IDE && disk->block_size && disk->block_size != 512 &&
	    !disk->cdrom)
		return err_set(err,
			       "--disk \"%s\": block-size=%u: an IDE disk has blocks of "
			       "512 bytes",
			       disk->path, size);
	if (disk->interface == DISK_IDE && disk->queues)
		return err_set(err,
			       "--disk \"%s\": queues= belongs to if=virtio, not to IDE",
			       disk->path);
	if (size & (size - 1))
		return err_set(
			err,
			"--disk \"%s\": block-size=%u: 512, 1024, 2048 and 4096 are "
			"possible",
			disk->path, size);
	return 0;
}

/* RFC 6890: this host, loopback, and what is not for hosts. No frame would pass. */
static bool is_for_hosts(uint32_t address)
{
	const uint32_t first = address >> 24;

	return first != 0 && first != 127 && first < 224;
}

/* The guest's end must be where a frame finds it: not libslirp's own, nor for all. */
static int validate_forward(const struct config_forward *forward, uint32_t network,
			    uint32_t mask, struct err *err)
{
	const uint32_t address = ntohl(forward->guest_address);
	const uint32_t node = address & ~mask;
	struct in_addr shown = { .s_addr = forward->guest_address };
	char text[INET_ADDRSTRLEN];

	if (!address)
		return 0;
	inet_ntop(AF_INET, &shown, text, sizeof(text));
	if ((address & mask) != network)
		return err_set(err,
			       "--net user: hostfwd=: %s is outside the guest's network "
			       "(net=)",
			       text);
	if (node == 0 || node == ~mask || node == CONFIG_NODE_GATEWAY ||
	    node == CONFIG_NODE_DNS)
		return err_set(err, "--net user: hostfwd=: %s is no address of the guest",
			       text);
	return 0;
}

static int validate_user_net(const struct config_net *net, struct err *err)
{
	const unsigned prefix = net->prefix ? net->prefix : CONFIG_DEFAULT_PREFIX;
	const uint32_t network = net->network || net->prefix ? ntohl(net->network)
							     : CONFIG_DEFAULT_NETWORK;
	uint32_t mask;

	if (prefix < CONFIG_MIN_PREFIX || prefix > CONFIG_MAX_PREFIX)
		return err_set(err, "--net user: net=.../%u: /%u to /%u are possible",
			       prefix, CONFIG_MIN_PREFIX, CONFIG_MAX_PREFIX);
	mask = ~(UINT32_MAX >> prefix);
	if (network & ~mask)
		return err_set(
			err, "--net user: net=: the address has bits behind the first %u",
			prefix);
	if (!is_for_hosts(network))
		return err_set(err,
			       "--net user: net=: %u.0.0.0/8 is no network for hosts "
			       "(10.0.2.0/24)",
			       network >> 24);
	if (net->bootfile && strlen(net->bootfile) > CONFIG_MAX_BOOTFILE)
		return err_set(err, "--net user: bootfile=: at most %d bytes",
			       CONFIG_MAX_BOOTFILE);
	for (unsigned i = 0; i < net->nr_forwards; i++) {
		if (validate_forward(&net->forwards[i], network, mask, err))
			return -1;
	}
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
	if (net->mtu && (net->mtu < CONFIG_MIN_MTU || net->mtu > CONFIG_MAX_MTU))
		return err_set(err, "--net: mtu=%u: %d to %d are possible", net->mtu,
			       CONFIG_MIN_MTU, CONFIG_MAX_MTU);
	return net->kind == NET_USER ? validate_user_net(net, err) : 0;
}

/* Do both want the same port of the host? */
static bool forwards_collide(const struct config_forward *a,
			     const struct config_forward *b)
{
	return a->udp == b->udp && a->host_port == b->host_port &&
	       (a->host_address == b->host_address || !a->host_address ||
		!b->host_address);
}

/* What two networks, or one twice, must not have in common. */
static int validate_pair(const struct config_net *net, const struct config_net *other,
			 struct err *err)
{
	if (net != other && net->has_mac && other->has_mac &&
	    memcmp(net->mac, other->mac, sizeof(net->mac)) == 0)
		return err_set(err,
			       "--net: two cards have mac=%02x:%02x:%02x:%02x:%02x:%02x",
			       net->mac[0], net->mac[1], net->mac[2], net->mac[3],
			       net->mac[4], net->mac[5]);
	for (unsigned i = 0; i < net->nr_forwards; i++) {
		const unsigned n = net == other ? i : other->nr_forwards;

		for (unsigned j = 0; j < n; j++) {
			if (forwards_collide(&net->forwards[i], &other->forwards[j]))
				return err_set(err,
					       "--net user: two hostfwd= have %s port %u "
					       "of the host",
					       net->forwards[i].udp ? "udp" : "tcp",
					       net->forwards[i].host_port);
		}
	}
	return 0;
}

static int validate_nets(const struct vm_config *config, struct err *err)
{
	for (unsigned i = 0; i < config->nr_nets; i++) {
		if (validate_net(&config->nets[i], err))
			return -1;
		for (unsigned j = 0; j <= i; j++) {
			if (validate_pair(&config->nets[i], &config->nets[j], err))
				return -1;
		}
	}
	return 0;
}

/* It stands in fstab(5), in options of mount and on the kernel's command line. */
static bool is_tag(const char *tag)
{
	for (const char *c = tag; *c; c++) {
		if (*c <= ' ' || *c > '~' || *c == ',')
			return false;
	}
	return *tag && strlen(tag) <= CONFIG_MAX_TAG;
}

/* An absolute path in the guest, and none that depends on what is there. */
static bool is_place(const char *path)
{
	const char *at = path;

	if (*at != '/')
		return false;
	while (*at) {
		const size_t length = strcspn(++at, "/");

		if (length == 2 && strncmp(at, "..", 2) == 0)
			return false;
		at += length;
	}
	return true;
}

static int validate_shares(const struct vm_config *config, struct err *err)
{
	for (unsigned i = 0; i < config->nr_shares; i++) {
		const struct config_share *share = &config->shares[i];

		if (!is_tag(share->tag))
			return err_set(err,
				       "--share \"%s\": tag=%s: 1 to %d letters, digits "
				       "and signs, no space and no comma",
				       share->path, share->tag, CONFIG_MAX_TAG);
		if (share->at && !is_place(share->at))
			return err_set(err,
				       "--share \"%s\": at=%s: not a path of the guest "
				       "that begins with / and has no ..",
				       share->path, share->at);
		for (unsigned j = 0; j < i; j++) {
			if (strcmp(share->tag, config->shares[j].tag) == 0)
				return err_set(err,
					       "--share: two have the tag \"%s\" (tag=)",
					       share->tag);
		}
	}
	return 0;
}

static int validate_devices(const struct vm_config *config, struct err *err)
{
	for (unsigned i = 0; i < config->nr_disks; i++) {
		if (validate_disk(&config->disks[i], err))
			return -1;
	}
	if (config_count_disks(config, DISK_IDE) > CONFIG_MAX_IDE)
		return err_set(
			err,
			"--disk and --cdrom: more than %d IDE drives (use if=virtio "
			"for disks)",
			CONFIG_MAX_IDE);
	if (validate_nets(config, err) || validate_shares(config, err))
		return -1;
	if (config->balloon && config->hugepages)
		return err_set(err,
			       "--balloon: the pages of --hugepages are not given back");
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
	if (config_validate_command(config, err))
		return -1;
	if (!config->kernel && !config->rom && !config->firmware &&
	    !config->command.enabled)
		return err_set(
			err,
			"nothing to boot: name a kernel (-k FILE), a disk (-d FILE), a "
			"CD-ROM (--cdrom FILE), a floppy disk (--floppy FILE) or a ROM "
			"(--rom FILE)");
	if (validate_serials(config, err) || validate_display(config, err) ||
	    (config->rom && validate_rom(config, err)) || validate_boot(config, err))
		return -1;
	if (!config->cpus || config->cpus > CONFIG_MAX_CPUS)
		return err_set(err, "--cpus %u: 1 to %d are possible", config->cpus,
			       CONFIG_MAX_CPUS);
	if (!config->memory || config->memory % MEMORY_PAGE_SIZE)
		return err_set(
			err, "--mem: %llu bytes: must be a multiple of 4 KiB, and not 0",
			(unsigned long long)config->memory);
	if (!config->rom && config->memory < 2u << 20)
		return err_set(err, "--mem: %llu KiB: a %s needs at least 2 MiB",
			       (unsigned long long)(config->memory >> 10),
			       config->firmware ? "PC with firmware" : "kernel");
	return validate_ports(config, err) || validate_devices(config, err) ? -1 : 0;
}
