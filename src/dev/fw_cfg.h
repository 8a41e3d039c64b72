/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fw_cfg, the device by which QEMU tells firmware of the machine (its docs/specs/
 * fw_cfg.rst): items of bytes, chosen by a 16-bit key; those from 0x20 on are files, with
 * a name in a directory.
 *
 * Items are added before the guest runs. After that the chip allocates nothing; the
 * caller holds its mutex in register functions, callbacks run with it held and must not
 * call back.
 */
#ifndef TANE_DEV_FW_CFG_H
#define TANE_DEV_FW_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bus.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/state.h"

/* Keys of items that are no files. */
enum fw_cfg_key {
	FW_CFG_SIGNATURE = 0x00,
	FW_CFG_ID = 0x01,
	FW_CFG_UUID = 0x02,
	FW_CFG_RAM_SIZE = 0x03, /* 64 bits */
	FW_CFG_NB_CPUS = 0x05,  /* 16 bits */
	FW_CFG_KERNEL_ADDR = 0x07,
	FW_CFG_KERNEL_SIZE = 0x08,
	FW_CFG_INITRD_ADDR = 0x0a,
	FW_CFG_INITRD_SIZE = 0x0b,
	FW_CFG_BOOT_MENU = 0x0e, /* 16 bits */
	FW_CFG_MAX_CPUS = 0x0f,  /* 16 bits */
	FW_CFG_KERNEL_DATA = 0x11,
	FW_CFG_INITRD_DATA = 0x12,
	FW_CFG_CMDLINE_ADDR = 0x13,
	FW_CFG_CMDLINE_SIZE = 0x14,
	FW_CFG_CMDLINE_DATA = 0x15,
	FW_CFG_SETUP_ADDR = 0x16,
	FW_CFG_SETUP_SIZE = 0x17,
	FW_CFG_SETUP_DATA = 0x18,
	FW_CFG_FILE_DIR = 0x19,
	FW_CFG_FILE_FIRST = 0x20,
	FW_CFG_IRQ0_OVERRIDE =
		0x8002, /* of x86, 8 bits: the timer is pin 2 of the I/O APIC */
};

#define FW_CFG_MAX_ITEMS     32 /* that are no files */
#define FW_CFG_MAX_FILES     64
#define FW_CFG_NAME_SIZE     56   /* with its NUL */
#define FW_CFG_WRITABLE_SIZE 4096 /* of all files together that a guest may write */
#define FW_CFG_MAX_PADDING \
	0x10000u /* zeros that one DMA gets behind the end of an item */

/* The bytes of an item. Exactly one of `data` and `read`, or neither if it is empty. */
struct fw_cfg_content {
	const void
		*data; /* copied, unless `borrowed`: then it lives as long as the chip */
	bool borrowed;
	/* Fetch [offset, offset + len), which is inside the item. false: it cannot be had. */
	bool (*read)(void *opaque, uint32_t offset, void *to, size_t len);
	void *opaque;
	uint64_t size; /* below 4 GiB */
};

struct fw_cfg_item {
	uint16_t key;                /* not of files */
	char name[FW_CFG_NAME_SIZE]; /* of files */
	struct fw_cfg_content content;
	bool writable;
	uint16_t at; /* of what is writable: where in regs.writable */
};

struct fw_cfg_regs {
	uint16_t selector;
	uint32_t offset;
	uint32_t
		dma_high; /* the upper half of the DMA address, until the lower one comes */
	uint8_t writable[FW_CFG_WRITABLE_SIZE];
};

struct fw_cfg_ops {
	/* The host's address of [gpa, gpa + len), or NULL if that is not all RAM. */
	const void *(*for_read)(void *opaque, uint64_t gpa, uint64_t len);
	void *(*for_write)(void *opaque, uint64_t gpa, uint64_t len);
	/* Bytes that for_write() gave were written. May be NULL. */
	void (*written)(void *opaque, const void *hva, uint64_t len);
};

struct fw_cfg {
	struct fw_cfg_regs regs;
	const struct fw_cfg_ops *ops;
	void *opaque;
	struct fw_cfg_item items[FW_CFG_MAX_ITEMS];
	unsigned nr_items;
	struct fw_cfg_item files[FW_CFG_MAX_FILES]; /* sorted by name */
	unsigned nr_files;
	size_t writable_used;
};

extern const struct io_ops fw_cfg_io;     /* two ports: selector, data */
extern const struct io_ops fw_cfg_dma_io; /* eight ports: the DMA address, big-endian */

#define FW_CFG_NR_PORTS     2
#define FW_CFG_DMA_NR_PORTS 8

/* With signature and ID in it. `ops` must live as long as the chip. */
int fw_cfg_init(struct fw_cfg *fw, const struct fw_cfg_ops *ops, void *opaque,
		struct err *err);
void fw_cfg_destroy(struct fw_cfg *fw); /* zeroes are fine */

/* Nothing is selected any more, and what the guest wrote is forgotten; items stay. */
void fw_cfg_reset(struct fw_cfg *fw);

int fw_cfg_add_item(struct fw_cfg *fw, uint16_t key, const struct fw_cfg_content *content,
		    struct err *err);
/* A little-endian number of `size` bytes, at most 8. */
int fw_cfg_add_number(struct fw_cfg *fw, uint16_t key, uint64_t value, size_t size,
		      struct err *err);
int fw_cfg_add_file(struct fw_cfg *fw, const char *name,
		    const struct fw_cfg_content *content, struct err *err);
int fw_cfg_add_number_file(struct fw_cfg *fw, const char *name, uint64_t value,
			   size_t size, struct err *err);
/* Zeros that the guest may overwrite, but not resize, by DMA. */
int fw_cfg_add_writable_file(struct fw_cfg *fw, const char *name, size_t size,
			     struct err *err);

int fw_cfg_save(const struct fw_cfg *fw, struct state_writer *writer, const char *section,
		struct err *err);
/* On an error nothing has changed. The items must be the same as at the save. */
int fw_cfg_load(struct fw_cfg *fw, struct bytes image, const char *section,
		struct err *err);

#endif
