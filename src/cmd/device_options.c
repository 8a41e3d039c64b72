/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of `tane run` that add devices: a table of keys for each, and the few
 * values that are more than a word or a number.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cmd/device_options.h"
#include "cmd/options.h"
#include "cmd/suboptions.h"

#define NR(table) (sizeof(table) / sizeof((table)[0]))

void device_options_print_help(FILE *out)
{
	fputs("Devices (virtio, but for IDE)\n"
	      "  -d, --disk PATH[,if=virtio|ide][,ro][,direct][,id=S][,block-size=N]\n"
	      "             [,queues=N][,aio=auto|io_uring|threads][,format=raw]\n"
	      "                       a raw image or block device; a comma in a name is \",,\"\n"
	      "      --cdrom FILE     a CD-ROM drive (IDE) with this image\n"
	      "  -n, --net none       no network                              [none]\n"
	      "  -n, --net user[,hostfwd=tcp|udp:[HADDR]:HPORT-[GADDR]:GPORT]...[,net=A.B.C.D/N]\n"
	      "            [,loopback=on][,ipv6=off][,hostname=S][,tftp=DIR][,bootfile=F]\n"
	      "            [,mac=M][,mtu=N]\n"
	      "                       a network of its own, 10.0.2.0/24; needs no privileges\n"
	      "  -n, --net tap[,ifname=I|fd=N][,queues=N][,vhost=on][,mac=M][,mtu=N]\n"
	      "  -s, --share DIR[,tag=T][,rw][,uid=map][,cache=none|readahead|mmap|loose][,at=PATH]\n"
	      "                       a folder of this host, by 9P; read-only without rw\n"
	      "      --port NAME=WHAT a port of the virtio console: null, pty, or file:PATH to\n"
	      "                       append to\n"
	      "      --rng            random numbers of the host\n"
	      "      --balloon SIZE[,deflate-on-oom=off]  memory to take from the guest\n"
	      "      --vsock CID      sockets between host and guest, by vhost\n"
	      "      --virtio pci|mmio[,ring=split|packed]  how the guest sees all these  [pci]\n"
	      "      --io-threads N   threads that serve disks, networks, shares  [1; 0: none]\n"
	      "\n",
	      out);
}

/* -- disks -- */

int device_option_disk(char *text, struct vm_config *config, struct err *err)
{
	static const char *const engines[] = {
		[BLOCK_ENGINE_AUTO] = "auto",
		[BLOCK_ENGINE_IO_URING] = "io_uring",
		[BLOCK_ENGINE_THREADS] = "threads",
		NULL,
	};
	static const char *const formats[] = { "raw", NULL };
	static const char *const interfaces[] = {
		[DISK_VIRTIO] = "virtio",
		[DISK_IDE] = "ide",
		NULL,
	};
	struct config_disk disk = { 0 };
	unsigned engine = BLOCK_ENGINE_AUTO, format = (unsigned)-1;
	unsigned interface = DISK_VIRTIO;
	const struct suboption table[] = {
		{ .key = "ro", .kind = SUBOPTION_SWITCH, .value = &disk.read_only },
		{ .key = "direct", .kind = SUBOPTION_SWITCH, .value = &disk.direct },
		{ .key = "id", .kind = SUBOPTION_TEXT, .value = &disk.id },
		{ .key = "block-size",
		  .kind = SUBOPTION_NUMBER,
		  .value = &disk.block_size,
		  .min = 512,
		  .max = 4096 },
		{ .key = "queues",
		  .kind = SUBOPTION_NUMBER,
		  .value = &disk.queues,
		  .min = 1,
		  .max = CONFIG_MAX_QUEUES },
		{ .key = "aio",
		  .kind = SUBOPTION_CHOICE,
		  .value = &engine,
		  .names = engines },
		{ .key = "format",
		  .kind = SUBOPTION_CHOICE,
		  .value = &format,
		  .names = formats },
		{ .key = "if",
		  .kind = SUBOPTION_CHOICE,
		  .value = &interface,
		  .names = interfaces },
	};

	if (config->nr_disks == CONFIG_MAX_DISKS)
		return err_set(err, "--disk: more than %d", CONFIG_MAX_DISKS);
	if (suboptions_parse(text, &disk.path, table, NR(table), err))
		return err_prefix(err, "--disk: ");
	disk.engine = engine;
	disk.format_raw = format == 0;
	disk.interface = interface;
	config->disks[config->nr_disks++] = disk;
	config_boot_from(config, BOOT_FROM_DISK);
	return 0;
}

int device_option_floppy(char *text, struct vm_config *config, struct err *err)
{
	struct config_disk floppy = { 0 };
	const struct suboption table[] = {
		{ .key = "ro", .kind = SUBOPTION_SWITCH, .value = &floppy.read_only },
	};

	if (config->nr_floppies == CONFIG_MAX_FLOPPIES)
		return err_set(err, "--floppy: more than %d", CONFIG_MAX_FLOPPIES);
	if (suboptions_parse(text, &floppy.path, table, NR(table), err))
		return err_prefix(err, "--floppy: ");
	config->floppies[config->nr_floppies++] = floppy;
	config_boot_from(config, BOOT_FROM_FLOPPY);
	return 0;
}

int device_option_cdrom(const char *path, struct vm_config *config, struct err *err)
{
	if (config->nr_disks == CONFIG_MAX_DISKS)
		return err_set(err, "--disk and --cdrom: more than %d", CONFIG_MAX_DISKS);
	if (!*path)
		return err_set(err, "--cdrom: name an image (--cdrom FILE.iso)");
	config->disks[config->nr_disks++] = (struct config_disk){
		.path = path,
		.interface = DISK_IDE,
		.cdrom = true,
		.read_only = true,
	};
	config_boot_from(config, BOOT_FROM_CDROM);
	return 0;
}

/* -- networks -- */

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* 52:54:00:12:34:56 */
static int parse_mac(const char *text, void *value, struct err *err)
{
	struct config_net *net = value;
	const char *at = text;

	for (unsigned i = 0; i < 6; i++, at += 3) {
		if (!isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]) ||
		    at[2] != (i < 5 ? ':' : '\0'))
			return err_set(err,
				       "\"%s\" is not a MAC address (52:54:00:12:34:56)",
				       text);
		net->mac[i] = (uint8_t)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
	}
	net->has_mac = true;
	return 0;
}

/* An IPv4 address, which ends at `end`; *address in network order. */
static int parse_address(const char *text, const char *end, uint32_t *address,
			 struct err *err)
{
	char copy[INET_ADDRSTRLEN] = "";
	const size_t length = (size_t)(end - text);
	struct in_addr in;

	if (length < sizeof(copy))
		memcpy(copy, text, length);
	if (inet_pton(AF_INET, copy, &in) != 1)
		return err_set(err, "\"%.*s\" is not an IPv4 address", (int)length, text);
	*address = in.s_addr;
	return 0;
}

/* A.B.C.D/N */
static int parse_network(const char *text, void *value, struct err *err)
{
	struct config_net *net = value;
	const char *slash = strchr(text, '/');

	if (!slash)
		return err_set(err, "\"%s\" is not a network (10.0.2.0/24)", text);
	if (parse_address(text, slash, &net->network, err))
		return -1;
	if (suboption_number(slash + 1, CONFIG_MIN_PREFIX, CONFIG_MAX_PREFIX,
			     &net->prefix, err))
		return err_prefix(err, "\"%s\": ", text);
	return 0;
}

/*
 * "[ADDR]:PORT", which ends at `end`. An address that is left out leaves *address as it
 * was.
 */
static int parse_endpoint(const char *text, const char *end, uint32_t *address,
			  uint16_t *port, struct err *err)
{
	const char *colon = memchr(text, ':', (size_t)(end - text));
	char number[8] = "";
	unsigned value;

	if (!colon)
		return err_set(err, "\"%.*s\" is not [ADDRESS]:PORT", (int)(end - text),
			       text);
	if (colon != text && parse_address(text, colon, address, err))
		return -1;
	if ((size_t)(end - colon - 1) < sizeof(number))
		memcpy(number, colon + 1, (size_t)(end - colon - 1));
	if (suboption_number(number, 1, 65535, &value, err))
		return err_set(err, "\"%.*s\" is not a port (1 to 65535)",
			       (int)(end - colon - 1), colon + 1);
	*port = (uint16_t)value;
	return 0;
}

/* tcp|udp:[HADDR]:HPORT-[GADDR]:GPORT */
static int parse_forward(const char *text, void *value, struct err *err)
{
	struct config_net *net = value;
	struct config_forward forward = { .host_address = htonl(INADDR_LOOPBACK) };
	const char *host = text + strlen("tcp:"), *dash = strchr(text, '-');

	if (net->nr_forwards == CONFIG_MAX_FORWARDS)
		return err_set(err, "more than %d", CONFIG_MAX_FORWARDS);
	forward.udp = strncmp(text, "udp:", 4) == 0;
	if (!forward.udp && strncmp(text, "tcp:", 4) != 0)
		return err_set(err,
			       "\"%s\" begins neither with tcp: nor with udp:", text);
	if (!dash)
		return err_set(err,
			       "\"%s\" is not PROTOCOL:[HADDR]:HPORT-[GADDR]:GPORT "
			       "(tcp::8080-:80)",
			       text);
	if (parse_endpoint(host, dash, &forward.host_address, &forward.host_port, err) ||
	    parse_endpoint(dash + 1, text + strlen(text), &forward.guest_address,
			   &forward.guest_port, err))
		return err_prefix(err, "\"%s\": ", text);
	net->forwards[net->nr_forwards++] = forward;
	return 0;
}

static int parse_user(char *text, struct config_net *net, struct err *err)
{
	bool ipv6 = true;
	const char *kind;
	const struct suboption table[] = {
		{ .key = "hostfwd",
		  .kind = SUBOPTION_OTHER,
		  .repeatable = true,
		  .value = net,
		  .parse = parse_forward },
		{ .key = "net",
		  .kind = SUBOPTION_OTHER,
		  .value = net,
		  .parse = parse_network },
		{ .key = "loopback", .kind = SUBOPTION_SWITCH, .value = &net->loopback },
		{ .key = "ipv6", .kind = SUBOPTION_SWITCH, .value = &ipv6 },
		{ .key = "hostname", .kind = SUBOPTION_TEXT, .value = &net->hostname },
		{ .key = "tftp", .kind = SUBOPTION_TEXT, .value = &net->tftp },
		{ .key = "bootfile", .kind = SUBOPTION_TEXT, .value = &net->bootfile },
		{ .key = "mac",
		  .kind = SUBOPTION_OTHER,
		  .value = net,
		  .parse = parse_mac },
		{ .key = "mtu",
		  .kind = SUBOPTION_NUMBER,
		  .value = &net->mtu,
		  .min = CONFIG_MIN_MTU,
		  .max = CONFIG_MAX_MTU },
	};

	if (suboptions_parse(text, &kind, table, NR(table), err))
		return err_prefix(err, "--net user: ");
	net->no_ipv6 = !ipv6;
	return 0;
}

static int parse_tap(char *text, struct config_net *net, struct err *err)
{
	unsigned fd = 0;
	const char *kind;
	bool has_fd;
	const struct suboption table[] = {
		{ .key = "ifname", .kind = SUBOPTION_TEXT, .value = &net->ifname },
		{ .key = "fd",
		  .kind = SUBOPTION_NUMBER,
		  .value = &fd,
		  .min = 3,
		  .max = 1u << 20 },
		{ .key = "queues",
		  .kind = SUBOPTION_NUMBER,
		  .value = &net->queues,
		  .min = 1,
		  .max = CONFIG_MAX_QUEUES },
		{ .key = "vhost", .kind = SUBOPTION_SWITCH, .value = &net->vhost },
		{ .key = "mac",
		  .kind = SUBOPTION_OTHER,
		  .value = net,
		  .parse = parse_mac },
		{ .key = "mtu",
		  .kind = SUBOPTION_NUMBER,
		  .value = &net->mtu,
		  .min = CONFIG_MIN_MTU,
		  .max = CONFIG_MAX_MTU },
	};

	if (suboptions_parse(text, &kind, table, NR(table), err))
		return err_prefix(err, "--net tap: ");
	has_fd = fd != 0;
	net->fd = has_fd ? (int)fd : -1;
	return 0;
}

/* Does the list begin with `kind`? */
static bool is_kind(const char *text, const char *kind)
{
	const size_t length = strlen(kind);

	return strncmp(text, kind, length) == 0 && (text[length] == ',' || !text[length]);
}

int device_option_net(char *text, struct vm_config *config, struct err *err)
{
	struct config_net net = { .fd = -1 };
	int r;

	if (strcmp(text, "none") == 0)
		return 0;
	if (config->nr_nets == CONFIG_MAX_NETS)
		return err_set(err, "--net: more than %d", CONFIG_MAX_NETS);
	if (is_kind(text, "user")) {
		net.kind = NET_USER;
		r = parse_user(text, &net, err);
	} else if (is_kind(text, "tap")) {
		net.kind = NET_TAP;
		r = parse_tap(text, &net, err);
	} else if (is_kind(text, "none")) {
		return err_set(err, "--net: none takes nothing behind it");
	} else {
		return err_set(err, "--net: \"%.*s\" is not none, user or tap",
			       (int)strcspn(text, ","), text);
	}
	if (r)
		return -1;
	config->nets[config->nr_nets++] = net;
	return 0;
}

/* -- shares -- */

int device_option_share(char *text, struct vm_config *config, struct err *err)
{
	/* Modes of v9fs that every Linux has with a meaning of its own. */
	static const char *const caches[] = { "none", "readahead", "mmap", "loose",
					      NULL };
	static const char *const ids[] = { "map", NULL };
	struct config_share share = { 0 };
	unsigned cache = (unsigned)-1, uid = (unsigned)-1;
	bool read_only = false;
	const struct suboption table[] = {
		{ .key = "tag", .kind = SUBOPTION_TEXT, .value = &share.tag },
		{ .key = "ro", .kind = SUBOPTION_SWITCH, .value = &read_only },
		{ .key = "rw", .kind = SUBOPTION_SWITCH, .value = &share.writable },
		{ .key = "uid", .kind = SUBOPTION_CHOICE, .value = &uid, .names = ids },
		{ .key = "cache",
		  .kind = SUBOPTION_CHOICE,
		  .value = &cache,
		  .names = caches },
		{ .key = "at", .kind = SUBOPTION_TEXT, .value = &share.at },
	};

	if (config->nr_shares == CONFIG_MAX_SHARES)
		return err_set(err, "--share: more than %d", CONFIG_MAX_SHARES);
	if (suboptions_parse(text, &share.path, table, NR(table), err))
		return err_prefix(err, "--share: ");
	if (read_only && share.writable)
		return err_set(err, "--share: it is ro (as it is by itself) or rw");
	share.map_ids = uid == 0;
	if (cache < NR(caches))
		share.cache = caches[cache];
	config->shares[config->nr_shares++] = share;
	return 0;
}

/* -- the console -- */

void device_option_hvc0(struct vm_config *config, enum serial_kind kind)
{
	config->ports[0] = (struct config_port){ .kind = kind, .is_console = true };
	if (!config->nr_ports)
		config->nr_ports = 1;
}

int device_option_port(char *text, struct vm_config *config, struct err *err)
{
	struct config_port port = { .name = text };
	char *equals = strchr(text, '=');

	if (!equals || equals == text || !equals[1])
		return err_set(err, "--port: \"%s\" is not NAME=WHAT", text);
	/* Port 0 is hvc0, whether anything is behind it or not. */
	if (!config->nr_ports)
		device_option_hvc0(config, SERIAL_NULL);
	if (config->nr_ports == CONFIG_MAX_PORTS)
		return err_set(err, "--port: more than %d", CONFIG_MAX_PORTS - 1);
	*equals = '\0';
	if (options_parse_end(equals + 1, &port.kind, &port.path))
		return err_set(err,
			       "--port %s: \"%s\" is not null, pty, file:PATH or a path "
			       "with a slash in it",
			       text, equals + 1);
	config->ports[config->nr_ports++] = port;
	return 0;
}

/* -- the others -- */

int device_option_balloon(char *text, struct vm_config *config, struct err *err)
{
	bool deflate = true;
	const char *size;
	const struct suboption table[] = {
		{ .key = "deflate-on-oom", .kind = SUBOPTION_SWITCH, .value = &deflate },
	};

	if (suboptions_parse(text, &size, table, NR(table), err) ||
	    options_parse_size(size, &config->balloon_size, err))
		return err_prefix(err, "--balloon: ");
	config->balloon = true;
	config->balloon_keep_on_oom = !deflate;
	return 0;
}

int device_option_vsock(char *text, struct vm_config *config, struct err *err)
{
	/* 5.10.4: 0 to 2 and the last are reserved. */
	if (suboption_number(text, 3, 0xfffffffe, &config->vsock_cid, err))
		return err_prefix(err, "--vsock: ");
	return 0;
}

int device_option_virtio(char *text, struct vm_config *config, struct err *err)
{
	static const char *const rings[] = { "split", "packed", NULL };
	unsigned ring = 0;
	const char *transport;
	const struct suboption table[] = {
		{ .key = "ring",
		  .kind = SUBOPTION_CHOICE,
		  .value = &ring,
		  .names = rings },
	};

	if (suboptions_parse(text, &transport, table, NR(table), err))
		return err_prefix(err, "--virtio: ");
	if (strcmp(transport, "pci") == 0)
		config->virtio = VIRTIO_PCI;
	else if (strcmp(transport, "mmio") == 0)
		config->virtio = VIRTIO_MMIO;
	else
		return err_set(err, "--virtio: \"%s\" is neither pci nor mmio",
			       transport);
	config->packed = ring == 1;
	return 0;
}

int device_option_io_threads(char *text, struct vm_config *config, struct err *err)
{
	if (suboption_number(text, 0, CONFIG_MAX_IO_THREADS, &config->io_threads, err))
		return err_prefix(err, "--io-threads: ");
	return 0;
}
