/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a VM shall be: plain data, apart from the live VM. Every way in (command
 * line now, JSON and snapshots later) fills this struct, then config_validate()
 * checks it, then the machine is built from it. Strings belong to the caller
 * and live as long as the VM.
 */
#ifndef TANE_CORE_CONFIG_H
#define TANE_CORE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define CONFIG_MAX_INITRDS 16
#define CONFIG_MAX_UARTS   4
#define CONFIG_MAX_CPUS    4096 /* what the firmware tables can describe */

#define CONFIG_MAX_DISKS    16
#define CONFIG_MAX_NETS     8
#define CONFIG_MAX_PORTS    16 /* of the virtio console, hvc0 among them */
#define CONFIG_MAX_FORWARDS 16

#define CONFIG_MAX_QUEUES      16 /* of a disk, or pairs of a network */
#define CONFIG_MAX_IO_THREADS  16
#define CONFIG_AUTO_IO_THREADS (~0u) /* one if there are disks or networks, else none */

#define CONFIG_DEFAULT_MEMORY (512ull << 20)

/* How the kernel is entered. */
enum boot_protocol {
	BOOT_AUTO,      /* take what the image offers */
	BOOT_LINUX,     /* 64-bit entry, RSI = zero page (Linux, x86/boot.rst) */
	BOOT_PVH,       /* 32-bit entry, EBX = hvm_start_info (Xen, pvh.rst) */
	BOOT_MULTIBOOT, /* 32-bit entry, EAX = magic, EBX = information (Multiboot 0.6.96) */
};

/* What is at the other end of a serial port. */
enum serial_kind {
	SERIAL_ABSENT,  /* there is no such port: it reads all ones */
	SERIAL_CONSOLE, /* our stdin and stdout */
	SERIAL_NULL,    /* output is dropped */
	SERIAL_PTY,     /* a new pseudo terminal */
	SERIAL_FILE,    /* output is appended to a file, FIFO or device */
};

/* The medium between a virtio device and its driver. */
enum virtio_transport {
	VIRTIO_PCI,
	VIRTIO_MMIO,
};

/* How blocks are read and written. */
enum block_engine {
	BLOCK_ENGINE_AUTO, /* io_uring, or threads where the host has none */
	BLOCK_ENGINE_IO_URING,
	BLOCK_ENGINE_THREADS,
};

struct config_disk {
	const char *path;
	const char *id; /* GET_ID, at most 20 bytes; NULL: none */
	bool read_only;
	bool direct;     /* past the host's page cache (O_DIRECT) */
	bool format_raw; /* it is raw, whatever it looks like (format=raw) */
	unsigned
		block_size; /* logical, 512 to 4096; 0: the host device's, 512 for files */
	unsigned queues;    /* 0: one per CPU */
	enum block_engine engine;
};

enum net_kind {
	NET_USER, /* libslirp: no privileges */
	NET_TAP,
};

/* A port of the host that leads to one of the guest. Addresses in network order. */
struct config_forward {
	bool udp;
	uint32_t host_address; /* 0: all; the default is 127.0.0.1 */
	uint16_t host_port;
	uint32_t guest_address; /* 0: the one that DHCP gives */
	uint16_t guest_port;
};

struct config_net {
	enum net_kind kind;
	bool has_mac;
	uint8_t mac[6];
	unsigned mtu;   /* 0: 1500, not told */
	bool link_down; /* begin with no carrier */

	/* NET_USER */
	uint32_t network; /* network order; 0: 10.0.2.0 */
	unsigned prefix;  /* bits of the network; 0: 24 */
	bool loopback;    /* the guest reaches the host's 127.0.0.1 */
	bool no_ipv6;
	const char *hostname;
	struct config_forward forwards[CONFIG_MAX_FORWARDS];
	unsigned nr_forwards;

	/* NET_TAP: by name, or opened by somebody else; neither: a new one */
	const char *ifname;
	int fd;          /* -1: none */
	unsigned queues; /* 0: one per CPU for a tap of ours, else one */
	bool vhost;
};

struct config_port {
	const char *name; /* NULL: none */
	enum serial_kind kind;
	const char *path; /* SERIAL_FILE */
	bool is_console;  /* hvcN, else /dev/vport...; port 0 is always a console */
};

struct vm_config {
	const char *name; /* NULL: none */
	uint64_t memory;  /* bytes */
	unsigned cpus;

	/* Exactly one of these two. */
	const char *kernel;
	const char *rom; /* flat real-mode code */
	uint64_t rom_address;

	enum boot_protocol protocol;
	const char *initrds[CONFIG_MAX_INITRDS];
	unsigned nr_initrds;
	const char *params; /* appended to the default command line; NULL: none */

	struct {
		enum serial_kind kind;
		const char *path;    /* SERIAL_FILE */
	} serials[CONFIG_MAX_UARTS]; /* COM1 to COM4 */

	enum virtio_transport virtio;
	bool packed;         /* offer packed rings */
	unsigned io_threads; /* 0: the main loop serves the devices too; or AUTO */

	struct config_disk disks[CONFIG_MAX_DISKS];
	unsigned nr_disks;
	struct config_net nets[CONFIG_MAX_NETS];
	unsigned nr_nets;
	struct config_port ports[CONFIG_MAX_PORTS]; /* of the virtio console */
	unsigned nr_ports;                          /* 0: there is none */
	bool rng;
	bool balloon;
	uint64_t balloon_size;    /* bytes to take from the guest */
	bool balloon_keep_on_oom; /* do not deflate when the guest runs out of memory */
	uint32_t vsock_cid;       /* 0: no vsock; else 3 or above */

	bool debug_exit; /* the port 0xf4 ends the VM */
	bool no_reboot;  /* a reset of the guest ends the VM */
	bool stats;
	bool trace;
	bool die_with_parent;
};

/* A size as --mem takes it, such as 512M: in the largest unit that leaves no rest. */
#define CONFIG_SIZE_TEXT 24
const char *config_size(uint64_t bytes, char to[CONFIG_SIZE_TEXT]);

/* The defaults of every way in. */
void config_init(struct vm_config *config);

/* Is our terminal at hvc0, and not at a serial port? */
bool config_console_is_virtio(const struct vm_config *config);

/* Does it make sense, apart from what only the host can tell? */
int config_validate(const struct vm_config *config, struct err *err);

#endif
