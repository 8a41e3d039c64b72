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

#include "util/bytes.h"
#include "util/err.h"

#define CONFIG_MAX_INITRDS 16
#define CONFIG_MAX_UARTS   4
#define CONFIG_MAX_CPUS    4096 /* what the firmware tables can describe */

#define CONFIG_MAX_DISKS    16
#define CONFIG_MAX_FLOPPIES 2
#define CONFIG_MAX_IDE      4 /* of these: two channels with two drives each */
#define CONFIG_MAX_NETS     8
#define CONFIG_MAX_PORTS    16 /* of the virtio console, hvc0 among them */
#define CONFIG_MAX_FORWARDS 16
#define CONFIG_MAX_ENV      64 /* of --env */
#define CONFIG_MAX_SHARES   16
#define CONFIG_MAX_TAG      64 /* bytes of a share's mount tag */

#define CONFIG_MAX_QUEUES      16 /* of a disk, or pairs of a network */
#define CONFIG_MAX_IO_THREADS  16
#define CONFIG_AUTO_IO_THREADS (~0u) /* one if there are disks, networks or shares */

#define CONFIG_DEFAULT_MEMORY (512ull << 20)
#define CONFIG_COMMAND_MEMORY (1ull << 30) /* of a guest that runs a command */

/* Of a user network. The longest prefix leaves room for the 16 addresses of its DHCP. */
#define CONFIG_DEFAULT_NETWORK 0x0a000200u /* 10.0.2.0, host order */
#define CONFIG_DEFAULT_PREFIX  24u
#define CONFIG_MIN_PREFIX      8u
#define CONFIG_MAX_PREFIX      27u
#define CONFIG_NODE_GATEWAY    2u /* the low bits of addresses in it */
#define CONFIG_NODE_DNS        3u

/* Of virtio-net's configuration (virtio 1.2, 5.1.4.1), and of libslirp. */
#define CONFIG_MIN_MTU 68
#define CONFIG_MAX_MTU 65521

#define CONFIG_MAX_BOOTFILE 127 /* `file` of a BOOTP message, less the NUL */

/* How the kernel is entered. */
enum boot_protocol {
	BOOT_AUTO,      /* take what the image offers */
	BOOT_LINUX,     /* 64-bit entry, RSI = zero page (Linux, x86/boot.rst) */
	BOOT_PVH,       /* 32-bit entry, EBX = hvm_start_info (Xen, pvh.rst) */
	BOOT_MULTIBOOT, /* 32-bit entry, EAX = magic, EBX = information (Multiboot 0.6.96) */
};

/* What firmware may boot from. */
enum boot_source {
	BOOT_FROM_DISK,
	BOOT_FROM_CDROM,
	BOOT_FROM_FLOPPY,
	BOOT_FROM_NET,
	BOOT_SOURCES,
};

/* What is at the other end of a serial port. */
enum serial_kind {
	SERIAL_ABSENT,  /* there is no such port: it reads all ones */
	SERIAL_CONSOLE, /* our stdin and stdout */
	SERIAL_NULL,    /* output is dropped */
	SERIAL_PTY,     /* a new pseudo terminal */
	SERIAL_FILE,    /* output is appended to a file, FIFO or device */
	SERIAL_STREAM,  /* a descriptor of ours, in one direction; virtio ports only */
	SERIAL_TTY,     /* descriptors of ours that are a terminal; virtio ports only */
};

/* The medium between a virtio device and its driver. */
enum virtio_transport {
	VIRTIO_PCI,
	VIRTIO_MMIO,
};

/* Which interrupt controller the guest gets, where an architecture has a choice. */
enum irqchip {
	IRQCHIP_AUTO,  /* the best that KVM offers */
	IRQCHIP_PLIC,  /* riscv64: PLIC, ours; no message interrupts */
	IRQCHIP_AIA,   /* riscv64: APLIC and IMSIC, KVM's */
	IRQCHIP_GICV2, /* arm64: GICv2 with v2m */
	IRQCHIP_GICV3, /* arm64: GICv3 with ITS */
};

/* Who looks at the screen of the machine. */
enum display_kind {
	DISPLAY_NONE,
	DISPLAY_TEXT, /* our terminal shows it, and types */
};

/* As what gdb shall see the CPUs, where they can be more than one thing. */
enum debug_arch {
	DEBUG_ARCH_AUTO,   /* what they are when gdb connects */
	DEBUG_ARCH_I8086,  /* 32 bits, code of 16; gdb can turn it into i386 */
	DEBUG_ARCH_I386,   /* 32 bits */
	DEBUG_ARCH_X86_64, /* 64 bits */
};

/* Where gdb connects. */
struct config_gdb {
	bool enabled;
	bool nowait;      /* the guest runs at once, not when gdb says so */
	const char *path; /* a Unix socket; NULL: TCP */
	const char *host;
	unsigned port; /* 0: any that is free */
	enum debug_arch arch;
};

/* How blocks are read and written. */
enum block_engine {
	BLOCK_ENGINE_AUTO, /* io_uring, or threads where the host has none */
	BLOCK_ENGINE_IO_URING,
	BLOCK_ENGINE_THREADS,
};

/* What a disk is connected to. */
enum disk_interface {
	DISK_VIRTIO,
	DISK_IDE, /* PCs only */
};

struct config_disk {
	const char *path;
	const char *id; /* GET_ID, at most 20 bytes; NULL: none */
	enum disk_interface interface;
	bool cdrom; /* a CD-ROM drive with this disc: DISK_IDE, read-only */
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
	uint32_t network; /* network order; 0: the default */
	unsigned prefix;  /* bits of the network; 0: the default */
	bool loopback;    /* the guest reaches the host's 127.0.0.1 */
	bool no_ipv6;
	const char *hostname;
	const char *tftp;     /* folder that the gateway serves by TFTP; NULL: none */
	const char *bootfile; /* that DHCP names; NULL: none */
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
	const char *path;  /* SERIAL_FILE */
	const char *title; /* SERIAL_STREAM: what the user calls it */
	int in, out;       /* SERIAL_STREAM and SERIAL_TTY; -1: none */
	bool is_shared; /* SERIAL_TTY: others of our job may read it, see CONSOLE_SHARED */
	bool is_console; /* hvcN, else /dev/vport...; port 0 is always a console */
};

/*
 * A command that runs in the guest, on files of the host, and whose end is that of the
 * VM: `tane run [options] [-- command [args]]`. guest/init.h tells how.
 */
struct config_command {
	bool enabled;
	char *const *argv; /* argc words, then NULL */
	unsigned argc;     /* 0: a shell */
	const char *root;  /* the folder that becomes the guest's root; NULL: ours */
	bool writable;     /* the guest writes there, instead of into memory */
	const char *cwd;   /* NULL: ours, or / with `root` */
	const char *user;  /* NAME or UID[:GID]; NULL: ours, or root's with `root` */
	const char *env[CONFIG_MAX_ENV]; /* NAME=VALUE, or NAME: as it is here */
	unsigned nr_env;
	const char *modules; /* where the kernel's modules are; NULL: to be found */
	bool verbose;        /* show what the kernel prints */
	const char *cache;   /* folder where unpacked kernels are kept; NULL: nowhere */
	const char *dump_initrd; /* write its initramfs here, and do not run; NULL: run */

	/* What cmd/command_setup.c makes of all that, for the loader. */
	struct bytes record; /* /tane/config of the guest */
	const char
		*modules_dir; /* /lib/modules/RELEASE, or like it; NULL: there is none */
};

/* A folder of the host that the guest can mount, by 9P. */
struct config_share {
	const char *path;
	const char *tag; /* that the guest mounts it by; NULL: see config_complete() */
	bool writable;   /* else the host refuses every change */
	bool map_ids;    /* our user is root in the guest, and root is nobody */
	bool is_root;    /* of a command: named by --root, not --share */
	/* How and where our own init mounts it. */
	const char *cache; /* of v9fs; NULL: loose if read-only, else mmap */
	const char *at;    /* NULL: at its own absolute path */
};

struct vm_config {
	const char *name; /* NULL: none */
	uint64_t memory;  /* bytes */
	bool memory_by_default;
	bool hugepages; /* RAM is from the host's pool of huge pages */
	unsigned cpus;

	/* Exactly one of these three, but firmware may boot the kernel. */
	const char *kernel;
	const char *rom;  /* flat real-mode code */
	bool firmware;    /* a PC that begins at the reset vector of `bios` */
	const char *bios; /* its firmware's image; NULL: the default one */
	/* What it tries, in order; sources that are not here come last. */
	enum boot_source boot_order[BOOT_SOURCES];
	unsigned nr_boot_order;
	bool boot_order_asked; /* by --boot, and not only as the devices were given */
	uint64_t rom_address;

	enum boot_protocol protocol;
	const char *initrds[CONFIG_MAX_INITRDS];
	unsigned nr_initrds;
	const char *params; /* appended to the default command line; NULL: none */

	struct {
		enum serial_kind kind;
		bool by_default;     /* nobody asked for that kind */
		const char *path;    /* SERIAL_FILE */
	} serials[CONFIG_MAX_UARTS]; /* COM1 to COM4 */

	enum display_kind display;
	const char *screen_dump; /* write the last screen to this file; NULL: no */
	bool screen;             /* have a VGA, also without firmware */

	enum irqchip irqchip;
	enum virtio_transport virtio;
	bool packed;         /* offer packed rings */
	unsigned io_threads; /* 0: the main loop serves the devices too; or AUTO */

	struct config_disk disks[CONFIG_MAX_DISKS];
	unsigned nr_disks;
	struct config_disk floppies[CONFIG_MAX_FLOPPIES]; /* path and read_only */
	unsigned nr_floppies;
	struct config_net nets[CONFIG_MAX_NETS];
	unsigned nr_nets;
	struct config_port ports[CONFIG_MAX_PORTS]; /* of the virtio console */
	unsigned nr_ports;                          /* 0: there is none */
	struct config_share shares[CONFIG_MAX_SHARES];
	unsigned nr_shares;
	bool rng;
	bool balloon;
	uint64_t balloon_size;    /* bytes to take from the guest; 0: reporting only */
	bool balloon_keep_on_oom; /* do not deflate when the guest runs out of memory */
	uint32_t vsock_cid;       /* 0: no vsock; else 3 or above */

	/* A listener in this process stands in for our terminal, see machine_console(). */
	bool tapped;

	bool debug_exit; /* the port 0xf4 ends the VM */
	bool no_reboot;  /* a reset of the guest ends the VM */
	bool stats;
	bool trace;          /* print each exit */
	bool trace_firmware; /* print the firmware's log (port 0x402) */
	bool die_with_parent;
	struct config_gdb gdb;
	struct config_command command;
	const char *dump_dtb; /* write the device tree here, and do not run; NULL: run */
};

/* A size as --mem takes it, such as 512M: in the largest unit that leaves no rest. */
#define CONFIG_SIZE_TEXT 24
const char *config_size(uint64_t bytes, char to[CONFIG_SIZE_TEXT]);

/* The defaults of every way in. */
void config_init(struct vm_config *config);

/* What a port of this kind is connected to: with a listener no descriptor is. */
enum serial_kind config_end(const struct vm_config *config, enum serial_kind kind);

/* Is our terminal at hvc0, and not at a serial port? */
bool config_console_is_virtio(const struct vm_config *config);

/* Firmware shall try `source` after those that were named before. Twice is once. */
void config_boot_from(struct vm_config *config, enum boot_source source);

/* Shall firmware try `source`, by --boot or because there is such a device? */
bool config_boots_from(const struct vm_config *config, enum boot_source source);

/* How many disks are connected to it? */
unsigned config_count_disks(const struct vm_config *config,
			    enum disk_interface interface);

/* "disk" or "CD-ROM", for messages. */
const char *config_disk_kind(const struct config_disk *disk);

/* The option that names it, for messages. */
const char *config_share_option(const struct config_share *share);

/*
 * Choose what was left open: what to boot with when neither kernel nor ROM is named, and
 * tags of shares ("share0" for the first).
 */
void config_complete(struct vm_config *config);

/* Has it a kernel, a ROM, or something that firmware boots from? */
bool config_boots_something(const struct vm_config *config);

/* Does it make sense, apart from what only the host can tell? */
int config_validate(const struct vm_config *config, struct err *err);
/* Its part about commands, in config_command.c. */
int config_validate_command(const struct vm_config *config, struct err *err);

#endif
